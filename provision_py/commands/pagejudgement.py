"""What follows from what a web server showed of a site before a rollout and after it. Pure."""

from __future__ import annotations

from enum import Enum

from provision_py.commands.memberpages import Seen
from provision_py.drupal.pages import Kind


class Judgement(Enum):
    FINE = "fine"
    WARNING = "warning"
    FAILURE = "failure"


#: What only our own configuration can be the cause of, whatever was there before.
OURS = frozenset({Kind.UNKNOWN, Kind.ENABLED, Kind.DISABLED})

#: What an install profile may want of a new site.
OF_A_PROFILE = frozenset({Kind.MAINTENANCE, Kind.MISSING, Kind.ELSEWHERE})


def judge(before: Seen, after: Seen, *, fresh: bool = False, explained: bool = False) -> Judgement:
    """Whether a rollout is to stand, as far as one web server goes. ``explained``: an admin's own rules may be why
    the hub is not let in.

    ======================================== ====================================== =========
    before                                   after                                  judgement
    ======================================== ====================================== =========
    anything                                 nothing is wrong, or another site      fine
                                             hides the folder in which it is
    no answer                                no answer: the hub is not let in       warning
    an answer                                no answer                              failure
    a site's own problem                     the same kind of problem               warning
    a page that does not look like Drupal,   the same                               fine
    or nobody is let in
    anything                                 another kind of problem                failure
    anything                                 the site is not known, is shown though failure
                                             disabled, or hidden though enabled
    a new site (``fresh``)                   maintenance mode, a page that is       warning
                                             missing, a login elsewhere
    nobody is let in                         a new site where nobody is let in      warning
    anything, and own rules may refuse       nobody is let in: what there is        warning
    the hub                                  cannot be seen
    a new site                               any other problem                      failure
    ======================================== ====================================== =========
    """
    if after.kinds <= {Kind.HIDDEN}:
        return Judgement.FINE
    if after.is_silent:
        return Judgement.WARNING if before.is_silent else Judgement.FAILURE
    if after.kinds & OURS:
        return Judgement.FAILURE
    known = OF_A_PROFILE | (before.kinds & {Kind.REFUSED}) if fresh else before.kinds
    if explained:
        known |= {Kind.REFUSED}
    if not after.kinds <= known | {Kind.HIDDEN}:
        return Judgement.FAILURE
    chosen = not fresh and after.kinds <= (before.kinds & {Kind.FOREIGN, Kind.REFUSED}) | {Kind.HIDDEN}
    return Judgement.FINE if chosen else Judgement.WARNING
