"""How a grant is written, by what the server says of itself. Everything else is tried on real servers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from provision_py.services import db_grants
from provision_py.services.mysql_connection import Statements
from provision_py.system.host import Secret


class Answers(Statements):
    """A server that has these rows for every question."""

    def __init__(self, rows: list[tuple[object, ...]]) -> None:
        self._rows = rows
        self.ran: list[str] = []

    def run(
        self, what: str, *statements: str | Secret, code: str, hint: str = "", ignore: Sequence[int] = ()
    ) -> bool:
        self.ran += [str(statement) for statement in statements]
        return True

    def rows(self, what: str, query: str, values: Sequence[str] = (), *, code: str) -> list[tuple[object, ...]]:
        assert query == "SHOW VARIABLES LIKE 'partial\\_revokes'"
        return self._rows


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        ([], "d\\_1"),
        ([("partial_revokes", "OFF")], "d\\_1"),
        ([("partial_revokes", "ON")], "d_1"),
        ([(b"partial_revokes", b"ON")], "d_1"),
    ],
)
def test_mysql_with_partial_revokes_takes_names_as_they_are(rows: list[tuple[object, ...]], name: str) -> None:
    server = Answers(rows)
    db_grants.grant_all(server, "d_1", "me", "%")
    assert server.ran == [f"GRANT ALL PRIVILEGES ON `{name}`.* TO 'me'@'%'"]
