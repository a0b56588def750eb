"""A small front end in a real database, with and without table prefix, and the recorded ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_front_end import Builder, Wire, clear, connection_settings, prefixed_schema

from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.sandbox.mariadb import DatabaseServer


@pytest.fixture(scope="session")
def empty_front_end(mariadb: DatabaseServer) -> Iterator[DatabaseSettings]:
    """A front end's tables with a table prefix; the recorded ones have none."""
    with mariadb.temporary_database() as name:
        mariadb.load_sql(name, prefixed_schema("hm_"))
        yield connection_settings(mariadb, name, "hm_")


@pytest.fixture
def settings(empty_front_end: DatabaseSettings) -> DatabaseSettings:
    """The tables as they were made: rows and further tables of former tests are gone."""
    with Database(empty_front_end) as db:
        clear(db)
    return empty_front_end


@pytest.fixture
def db(settings: DatabaseSettings) -> Iterator[Database]:
    """A connection to the small front end."""
    with Database(settings) as db:
        with db.transaction():
            Builder(db).standard()
        yield db


@pytest.fixture
def build(db: Database) -> Builder:
    return Builder(db)


@pytest.fixture(scope="session")
def load_dump(mariadb: DatabaseServer, reference: Path) -> Callable[[str, str], None]:
    """Loads a recorded database (``fresh``, ``fresh-allfeatures``, ``used``) into an empty one."""

    def load(name: str, database: str) -> None:
        mariadb.load(database, reference / f"hostmaster-{name}.sql.gz")

    return load


@pytest.fixture(scope="session", params=["fresh", "fresh-allfeatures", "used"])
def recorded(
    request: pytest.FixtureRequest, mariadb: DatabaseServer, load_dump: Callable[[str, str], None]
) -> Iterator[Database]:
    """Each recorded database, for tests that only read."""
    with mariadb.temporary_database() as name:
        load_dump(request.param, name)
        with Database(connection_settings(mariadb, name)) as db:
            yield db


@pytest.fixture(scope="module")
def used(mariadb: DatabaseServer, load_dump: Callable[[str, str], None]) -> Iterator[Database]:
    """The recorded database after much use, for tests that may write."""
    with mariadb.temporary_database() as name:
        load_dump("used", name)
        with Database(connection_settings(mariadb, name)) as db:
            yield db


@pytest.fixture
def wire(mariadb: DatabaseServer) -> Iterator[Wire]:
    line = Wire(mariadb)
    yield line
    line.close()
