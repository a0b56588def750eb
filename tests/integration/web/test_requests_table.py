"""What visitors get, request by request, on Apache and nginx alike; the requests are in requests.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from web.hosting import Hosting
from web.tree import SECRET

TABLE = json.loads((Path(__file__).parent / "requests.json").read_text())

#: How a server may say no: nginx hides that something is there, Apache forbids it. ``unlisted`` is a folder, which
#: may also be an address of the site.
ANSWERS = {"denied": {403, 404}, "refused": {400, 403, 404}, "unlisted": {200, 403, 404}}


def _rows() -> list[object]:
    rows = []
    for state, requests in TABLE.items():
        for method, hosts, path, status, expected in requests:
            for host in hosts.split():
                name = host.split(":")[0].rstrip(".").lower()
                row = (method, host, path.replace("{host}", name), status, expected)
                rows.append(pytest.param(*row, id=f"{state}: {method} {host}{path}"))
    return rows


@pytest.mark.parametrize(("method", "host", "path", "status", "expected"), _rows())
def test_answer(hosting: Hosting, method: str, host: str, path: str, status: int | str, expected: str) -> None:
    answer = hosting.web.fetch(path, host=host, method=method, body=b"a=b" if method == "POST" else None)

    assert answer.status in (ANSWERS[status] if isinstance(status, str) else {status}), answer.text
    if status == "unlisted":
        assert "README" not in answer.text
        assert "a b.txt" not in answer.text
    assert SECRET not in answer.text
    assert "<?php" not in answer.text or expected == "file GIF89a"
    kind, _, what = expected.partition(" ")
    if kind == "to":
        assert answer.headers["location"] == what
        assert "x-evil" not in answer.headers
    elif kind == "file":
        assert what in answer.text
    elif kind in ("script", "uri"):
        assert json.loads(answer.text)[kind] == what
