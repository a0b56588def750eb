"""Running the front end's queue with the real dispatcher while its log goes by, and a table of what came out."""

from __future__ import annotations

import html
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from provision_py.errors import ProcessError
from provision_py.hostmaster.tasks import ERROR, QUEUED, STATUS_LABELS, SUCCESS, WARNING
from provision_py.sandbox.frontend import FrontEnd, TaskRow
from provision_py.sandbox.installation import Installation

#: How often the log is looked at, in seconds.
POLL = 0.05

#: A round takes one task of each object; more rounds than this mean that something queues for ever.
ROUNDS = 20

QUIET_TYPES = ("debug", "debugnotify", "bootstrap")


def run_queue(installation: Installation, environment: Mapping[str, str]) -> dict[int, float]:
    """Dispatch until nothing is queued, printing log rows as they come; seconds by node id of the task.

    ``environment`` is added to the dispatcher's. Raises ProcessError when the dispatcher runs but takes no task.
    """
    log = LogPrinter(installation.front_end)
    for number in range(ROUNDS):
        before = queued(installation.front_end)
        if not before:
            break
        output = dispatch({**installation.environment, **environment}, log, again=number > 0)
        if queued(installation.front_end) == before:
            raise ProcessError(
                f"The dispatcher takes no task: {output.strip() or 'it says nothing'}",
                where=" ".join(dispatcher()),
                hint="See the log of the tasks",
            )
    return log.seconds()


def queued(front_end: FrontEnd) -> set[int]:
    return {task.vid for task in front_end.tasks() if task.status == QUEUED}


def dispatcher(*, again: bool = False) -> list[str]:
    """The command that a crontab would run every minute; ``again`` runs it before the minute is over."""
    program = Path(sys.executable).with_name("provision-py")
    start = [str(program)] if program.exists() else [sys.executable, "-m", "provision_py.cli.main"]
    return [*start, "hosting-dispatch", *(["--force"] if again else [])]


def dispatch(environment: Mapping[str, str], log: LogPrinter, *, again: bool) -> str:
    """One run of the dispatcher in a process of its own, as the Aegir account; what it printed."""
    process = subprocess.Popen(
        dispatcher(again=again),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", **environment},
    )
    ended = threading.Event()
    output: list[bytes] = []

    def read() -> None:
        output.append(process.communicate()[0])
        ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        while not ended.wait(POLL):
            log.print_new()
    except BaseException:
        process.terminate()
        raise
    finally:
        reader.join()
    log.print_new()
    return b"".join(output).decode(errors="replace")


class LogPrinter:
    """Prints log rows once each, under the title of their task."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end
        self._last = max((row.lid for row in front_end.log_after(0)), default=0)
        self._task = 0
        self._seen: dict[int, tuple[float, float]] = {}

    def print_new(self) -> None:
        now = time.monotonic()
        for row in self._front_end.log_after(self._last):
            self._last = row.lid
            self._seen[row.nid] = (self._seen.get(row.nid, (now, now))[0], now)
            if row.type in QUIET_TYPES:
                continue
            if row.nid != self._task:
                self._task = row.nid
                print(next((task.title for task in self._front_end.tasks() if task.nid == row.nid), ""))
            print(f"  {row.type:<8} {plain(row.message)}", flush=True)

    def seconds(self) -> dict[int, float]:
        """How long each task's log grew, as far as it was seen: the front end itself stores whole seconds."""
        return {nid: last - first for nid, (first, last) in self._seen.items()}


def plain(message: str) -> str:
    """A log message without its markup."""
    return html.unescape(re.sub(r"<[^>]+>", "", message)).strip()


def failures(tasks: Sequence[TaskRow]) -> list[TaskRow]:
    """Tasks that did not end well; a warning is no failure."""
    return [task for task in tasks if task.status not in (SUCCESS, WARNING)]


def print_table(tasks: Sequence[TaskRow], seconds: Mapping[int, float]) -> None:
    """Type, object, status and duration of each task; ``seconds`` by node id where the front end's are too coarse."""
    rows = [("TASK", "OBJECT", "STATUS", "SECONDS")]
    for task in tasks:
        label = STATUS_LABELS.get(task.status, "?") if task.status != ERROR else "FAILED"
        measured = seconds.get(task.nid, task.seconds)
        rows.append((task.type, task.target, label, "-" if measured is None else f"{measured:.1f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
