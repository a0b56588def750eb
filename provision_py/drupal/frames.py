"""Messages in a stream of lines that others write to as well."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any


class FrameReader:
    """Takes lines; gives messages, noise, or nothing yet.

    A message is JSON in base64, cut into lines ``<mark> +<part>`` (more follows) and ``<mark> .<part>`` (the last).
    """

    def __init__(self, mark: str) -> None:
        self._mark = f"{mark} "
        self._parts: list[str] = []

    def feed(self, line: str) -> dict[str, Any] | str | None:
        """A message (dict), a line of noise (str), or None for an empty line or the beginning of a message."""
        if not line.startswith(self._mark):
            return line.strip() or None
        part = line[len(self._mark) :].strip()
        self._parts.append(part[1:])
        if not part.startswith("."):
            return None
        text, self._parts = "".join(self._parts), []
        try:
            message = json.loads(base64.b64decode(text, validate=True))
        except (binascii.Error, ValueError):
            return "A message of the PHP process was damaged"
        return message if isinstance(message, dict) else "A message of the PHP process was damaged"
