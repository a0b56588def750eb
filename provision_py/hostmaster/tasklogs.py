"""Log rows of a run, stored at once, so that the task's page can show them while it runs."""

from __future__ import annotations

import html
import math
import re
import threading
import time
from collections import deque
from typing import Final

from provision_py.hostmaster import queries
from provision_py.hostmaster.connection import Database, LostError, UnreachableError

TYPE_LENGTH: Final = 16
MESSAGE_LENGTH: Final = 100_000  # characters; far below any server's max_allowed_packet
RETRY_AFTER: Final = 5.0  # seconds between attempts while the server is away

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
#: Control characters that no browser shows; tab, line feed and carriage return stay.
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BEYOND_BMP: Final = re.compile("[\U00010000-\U0010ffff]")

_Entry = dict[str, object]


class TaskLogWriter:
    """Writes rows of ``hosting_task_log`` for one run, in order, each committed by itself.

    ``db`` must be a connection of its own (``Database.sibling``). When the server goes away, rows wait in memory and
    are written as soon as it is back, each once; :meth:`flush` with ``final`` insists on it. Usable from several
    threads.
    """

    def __init__(self, db: Database, vid: int, nid: int) -> None:
        self._db = db
        self._vid = vid
        self._nid = nid
        self._pending: deque[_Entry] = deque()
        self._lock = threading.Lock()
        self._last_lid = 0
        self._in_doubt = False
        self._next_attempt = 0.0
        self._charset: str | None = None

    @property
    def pending(self) -> int:
        """How many rows wait for the server."""
        return len(self._pending)

    def write(self, kind: str, message: str, error: str = "", timestamp: float | None = None) -> None:
        """Append a row. ``message`` is plain text; ``timestamp`` unix seconds, now by default."""
        row: _Entry = {
            "vid": self._vid,
            "nid": self._nid,
            "type": _clean(kind)[:TYPE_LENGTH],
            "message": message,
            "error": error,
            "timestamp": math.floor((timestamp or time.time()) + 0.5),
        }
        with self._lock:
            self._pending.append(row)
            self._write_pending(insist=False)

    def flush(self, *, final: bool = False) -> None:
        """Write what waits. With ``final`` an unreachable server raises HostmasterError; the rows stay."""
        with self._lock:
            self._write_pending(insist=final)

    def _write_pending(self, *, insist: bool) -> None:
        if not insist and time.monotonic() < self._next_attempt:
            return
        try:
            while self._pending:
                row = self._storable(self._pending[0])
                if not (self._in_doubt and self._was_stored(row)):
                    self._insert(row)
                self._in_doubt = False  # not so when the insert was broken off, by whatever
                self._pending.popleft()
            self._next_attempt = 0.0
        except (LostError, UnreachableError):
            self._next_attempt = time.monotonic() + RETRY_AFTER
            if insist:
                raise

    def _insert(self, row: _Entry) -> None:
        self._in_doubt = True
        try:
            self._last_lid = self._db.insert(queries.INSERT_LOG, row)
        except LostError:
            # The server may have stored the row before the connection broke.
            if not self._was_stored(row):
                self._last_lid = self._db.insert(queries.INSERT_LOG, row)

    def _was_stored(self, row: _Entry) -> bool:
        last = self._db.row(queries.LAST_LOG, {"vid": self._vid})
        if last is None or int(last["lid"]) <= self._last_lid:
            return False
        if any(last[column] != row[column] for column in ("type", "message", "timestamp")):
            return False
        self._last_lid = int(last["lid"])
        return True

    def _storable(self, row: _Entry) -> _Entry:
        return {
            **row,
            "type": self._fitting(str(row["type"]), markup=False)[:TYPE_LENGTH],
            "message": self._fitting(to_html(str(row["message"])), markup=True),
            "error": self._fitting(_clean(str(row["error"])), markup=False),
        }

    def _fitting(self, text: str, *, markup: bool) -> str:
        # Asked for when it matters: the server takes as long for it as for several rows.
        if text.isascii():
            return text
        if self._charset is None:
            self._charset = self._db.charset_of("hosting_task_log")
        return _fit(text, self._charset, markup=markup)


def to_html(text: str) -> str:
    """Plain text as the front end's filter wants it: markup escaped, bytes that were no text replaced.

    The filter empties a message with a single invalid byte. Long messages lose their middle.
    """
    text = _clean(text)
    if len(text) > MESSAGE_LENGTH:
        half = MESSAGE_LENGTH // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
    return html.escape(text, quote=False)


def _clean(text: str) -> str:
    return _CONTROL.sub("", _SURROGATE.sub("\ufffd", text))


def _fit(text: str, charset: str, *, markup: bool) -> str:
    """Text for a column of this charset; what it cannot hold becomes a character reference, or ``?`` where markup
    would be shown as such."""
    if charset == "utf8mb4" or text.isascii():
        return text
    if charset in ("utf8", "utf8mb3"):
        return _BEYOND_BMP.sub(lambda match: f"&#{ord(match.group())};" if markup else "\ufffd", text)
    return text.encode("ascii", "xmlcharrefreplace" if markup else "replace").decode()
