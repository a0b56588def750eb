"""``topology``: draw servers, groups, platforms and sites, and the state of their last check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from provision_py.commands import absence
from provision_py.commands.checkresults import CheckResult, read_results
from provision_py.commands.results import Shown
from provision_py.commands.session import Session
from provision_py.commands.show import tell_empty
from provision_py.commands.topologydata import Problem, Topology, only, topology
from provision_py.commands.topologymermaid import as_mermaid
from provision_py.commands.topologysvg import as_svg
from provision_py.commands.topologytext import as_data, as_text
from provision_py.contexts.model import Context
from provision_py.errors import ProvisionError
from provision_py.php.files import read_drushrc
from provision_py.php.values import PhpArray, PhpValue


def run(
    session: Session, context: Context | None, arguments: Sequence[str], options: Mapping[str, PhpValue]
) -> Shown:
    """Draw everything, or what has to do with the named servers. Raises UsageError for a name that is no server."""
    whole = read_topology(session)
    drawn = only(whole, arguments) if arguments else whole

    def text() -> str:
        return as_text(drawn)

    others = {"text": text, "svg": lambda: as_svg(drawn), "mermaid": lambda: as_mermaid(drawn)}
    return Shown(as_data(drawn), as_table=text, others=others)


def read_topology(session: Session) -> Topology:
    """What the alias files, the sites' own files and the last checks say; whatever cannot be read is a problem."""
    records: dict[str, PhpArray] = {}
    broken = []
    for name in session.store.names():
        try:
            records[name] = session.store.record(name)
        except ProvisionError as error:
            broken.append(Problem(name, str(error)))
    if not records and not broken:
        tell_empty(session)
    try:
        folder = session.state
    except ProvisionError:
        # Without a master that can be read nobody knows where results are.
        return topology(records, broken=broken, databases=_databases(records))
    checks, missed = _checks(session, folder), _missed(session, folder)
    return topology(records, broken=broken, checks=checks, databases=_databases(records), missed=missed)


def _missed(session: Session, folder: Path) -> dict[str, list[str]]:
    try:
        return absence.all_missed(folder)
    except ProvisionError as error:
        session.log.warning(f"What members have missed cannot be read: {error}")
        return {}


def _checks(session: Session, folder: Path) -> dict[str, CheckResult]:
    found, unreadable = read_results(folder)
    for path in unreadable:
        session.log.warning(f"The result of a check cannot be read: {path}")
    return found


def _databases(records: Mapping[str, PhpArray]) -> dict[str, str]:
    """Names of databases by site, as far as the sites' drushrc.php are here and can be read."""
    found = {}
    for name, record in records.items():
        root, uri = record.get("root"), record.get("uri")
        if record.get("context_type") != "site" or not isinstance(root, str) or not isinstance(uri, str):
            continue
        try:
            known = read_drushrc(Path(root) / "sites" / uri / "drushrc.php", local=False)
        except (ProvisionError, OSError, ValueError):
            continue
        if isinstance(known.get("db_name"), str):
            found[name] = str(known["db_name"])
    return found
