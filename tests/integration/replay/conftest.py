"""The recordings, read once per run of the suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provision_py.sandbox.mariadb import DatabaseServer
from replay.harness import History


@pytest.fixture(scope="session")
def history(reference: Path, mariadb: DatabaseServer) -> Iterator[History]:
    with mariadb.temporary_database("recorded") as database:
        yield History.load(reference, mariadb, database)
