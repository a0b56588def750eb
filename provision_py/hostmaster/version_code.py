"""The number that the front end compares versions by (``hosting_package_instance.version_code``).

The number is written in decimal fields: platform major, then two digits each for platform minor, package major,
package minor, stage and patch. A field wider than two digits is not cut, which makes some numbers longer; the
front end compares against numbers that it has stored already, so all quirks of its rule are kept
(``hosting_package_instance.inc``, reference section 7.3):

* only *one* digit counts as platform major: ``10.1.2`` gives 0 and minor 1;
* a third component (``9.5.11``) is ignored;
* of a core version's stage only the last digit of its number counts (``7.0-rc12`` is like ``7.0-rc2``).
"""

from __future__ import annotations

import re
from functools import lru_cache

_STAGES = {"dev": 0, "unstable": 1, "alpha": 2, "beta": 3, "rc": 4}
_NO_STAGE = 0
_RELEASE = 5

_STAGE = r"(?P<stage>unstable|alpha|beta|dev|rc)?(?P<patch>[0-9]*)"
_PLATFORM = r"(?P<major>[0-9]?)\.(?P<minor>[0-9x]*)"
_CORE = re.compile(rf"{_PLATFORM}(?P<suffix>-{_STAGE})?")
_CONTRIB = re.compile(rf"{_PLATFORM}(?:-(?P<own_major>[0-9]*)\.(?P<own_minor>[0-9x]*)(?P<suffix>-{_STAGE})?)?")

_BIGINT_MAX = 2**63 - 1


@lru_cache(maxsize=4096)  # hundreds of packages of one platform share a version
def version_code(version: str) -> int:
    """The code of a version such as ``7.105``, ``7.x-2.1-beta3`` or ``9.5.11``; 0 when it holds no dot.

    A number that the column (a signed 64 bit integer) cannot hold becomes the largest that it can.
    """
    core = _CORE.fullmatch(version)
    if core:
        patch = core["patch"] or ""
        bare = not core["suffix"] or not (core["stage"] or patch)
        stage = _RELEASE if bare else _STAGES.get(core["stage"] or "", _NO_STAGE)
        return _compose(core["major"], core["minor"], "", "", stage, patch[-1:])
    contrib = _CONTRIB.search(version)
    if contrib is None:
        return 0
    stage = _STAGES.get(contrib["stage"] or "", _NO_STAGE) if contrib["suffix"] else _RELEASE
    return _compose(
        contrib["major"],
        contrib["minor"],
        contrib["own_major"] or "",
        contrib["own_minor"] or "",
        stage,
        contrib["patch"] or "",
    )


def _compose(major: str, minor: str, own_major: str, own_minor: str, stage: int, patch: str) -> int:
    first, *others = (_leading_number(text) for text in (major, minor, own_major, own_minor))
    fields = (*others, stage, _leading_number(patch))
    return min(int(str(first) + "".join(f"{field:02d}" for field in fields)), _BIGINT_MAX)


def _leading_number(text: str) -> int:
    """The digits that a text starts with; 0 when it starts with none (``x`` stands for "any")."""
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    # Python refuses to convert texts of thousands of digits; nothing beyond 20 digits fits the column anyway
    return int(digits[:20]) if digits else 0
