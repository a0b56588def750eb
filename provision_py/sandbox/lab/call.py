"""The far end of LabHost.call: reads a call from standard input, answers on standard output."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import traceback


def main() -> None:
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the function prints is not the answer
    result: object = None
    failure: BaseException | None = None
    trace = ""
    try:
        header = pickle.load(sys.stdin.buffer)  # noqa: S301 -- from the process that started us
        sys.path[:], module, name, arguments = header
        function: object = importlib.import_module(module)
        for part in name.split("."):
            function = getattr(function, part)
        result = function(*arguments)  # type: ignore[operator] # whatever was pickled
    except Exception as error:
        failure, trace = error, traceback.format_exc()
    try:
        body = pickle.dumps((result, failure, trace))
        pickle.loads(body)  # noqa: S301 -- exceptions with arguments of their own often cannot come back
    except Exception:
        body = pickle.dumps((None, RuntimeError(trace or "The result cannot be pickled"), trace))
    with answer:
        answer.write(body)


if __name__ == "__main__":
    main()
