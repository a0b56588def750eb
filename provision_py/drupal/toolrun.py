"""A program that builds a code base: what to run and where, decided before anything runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ToolRun:
    """One program call: arguments, working directory, and why it is needed (a phrase for the log)."""

    argv: tuple[str, ...]
    cwd: str
    reason: str
