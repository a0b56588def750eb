"""Leave the package tables alone where they are known to be right.

A sync that had nothing to write notes what was found on disk and a digest of all rows that it read, made by the
server. While both are the same, another sync would write nothing either, so the rows are not read.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass

from provision_py.drupal.found_packages import FoundPackages
from provision_py.errors import HostError
from provision_py.hostmaster import package_queries as sql
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.package_sync import profile_iids, sync_platform_packages
from provision_py.system.cachefile import read_cache, write_cache


@dataclass(frozen=True)
class RowsMark:
    """That the packages of the digest ``found`` and the rows of the digest ``rows`` say the same.

    ``upto`` is the last package (vid) that was there; ``charset`` is that of the tables, which decides what of a
    text can be stored.
    """

    nid: int
    found: str
    charset: str
    upto: int
    rows: str


def sync_found_packages(db: Database, nid: int, found: FoundPackages, *, now: int, acting_uid: int = 1) -> None:
    """Store what was found on a platform, as :func:`.package_sync.sync_platform_packages`, where it is not there."""
    known = _recalled(found)
    if known is not None and known == _mark(db, nid, found, known.upto):
        return
    wrote = sync_platform_packages(db, nid, found.load(), now=now, acting_uid=acting_uid)
    if found.digest and found.rows_file and not wrote:
        mark = _mark(db, nid, found, int(db.value(sql.LAST_PACKAGE) or 0))
        # Only time is lost without it.
        with contextlib.suppress(HostError):
            write_cache(found.rows_file, [json.dumps(asdict(mark)).encode()])


def _mark(db: Database, nid: int, found: FoundPackages, upto: int) -> RowsMark:
    rids = (nid, *sorted(profile_iids(db, nid)))
    rows = str(db.value(sql.DIGEST, {"nid": nid, "rids": rids, "upto": upto}))
    return RowsMark(nid, found.digest, db.charset_of("hosting_package"), upto, rows)


def _recalled(found: FoundPackages) -> RowsMark | None:
    if not (found.digest and found.rows_file):
        return None
    try:
        return RowsMark(**json.loads(read_cache(found.rows_file) or b"{}"))
    except (ValueError, TypeError):
        return None
