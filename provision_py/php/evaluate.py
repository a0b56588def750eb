"""Letting PHP itself evaluate a file, in a child that cannot reach us.

The child gets an empty environment but for PATH, no input, and nowhere to print to. What it found comes back,
serialised, through a file in memory that only it and we have open: nothing that the file prints can break it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from provision_py.errors import PhpDataError
from provision_py.php.lexer import PhpSyntaxError
from provision_py.php.serialization import serialize, unserialize
from provision_py.php.values import PhpArray, PhpValue, php_list

# Includes the file in a function, as drush does, so that the file's variables cannot touch ours. The value is
# serialised before the answer is begun: an answer is complete or absent.
_PROGRAM = r"""
$job = unserialize(stream_get_contents(STDIN));
$answer = function ($value) use ($job) {
  static $done = false;
  $text = serialize($value);
  if (!$done) {
    $done = true;
    file_put_contents('php://fd/' . $job['channel'], $text);
  }
};
register_shutdown_function(function () use ($answer) {
  $e = error_get_last();
  $fatal = $e && ($e['type'] & (E_ERROR | E_PARSE | E_CORE_ERROR | E_COMPILE_ERROR | E_RECOVERABLE_ERROR));
  $answer($fatal ? ['fatal', $e['message'], $e['file'], $e['line']] : ['exit']);
});
$read = static function () {
  extract(func_get_arg(1));
  require func_get_arg(0);
  return get_defined_vars();
};
try {
  $found = array_intersect_key($read($job['file'], $job['given']), array_flip($job['names']));
  $answer(['ok', $found]);
}
catch (\Throwable $e) {
  $kind = $e instanceof \ParseError ? 'parse' : ($e instanceof \Error ? 'fatal' : 'exception');
  $answer([$kind, $e->getMessage(), $e->getFile(), $e->getLine(), get_class($e)]);
}
"""
_QUOTED = re.compile(r'".*"', re.DOTALL)
_SETTINGS = {
    "display_errors": "0",
    "log_errors": "0",
    "error_log": "",
    "auto_prepend_file": "",
    "auto_append_file": "",
    "serialize_precision": "-1",
    "memory_limit": "512M",
}


def find_php() -> str | None:
    return shutil.which("php")


def evaluate(
    file: str,
    names: Sequence[str],
    given: Mapping[str, PhpValue] | None = None,
    *,
    timeout: float = 10.0,
    directory: str | None = None,
) -> dict[str, PhpValue]:
    """The variables ``names`` (those that are set) after PHP has run ``file`` (absolute).

    ``given`` are set before; ``directory`` is the working directory, by default that of the file; ``timeout``
    is in seconds. Raises PhpDataError with file and line when PHP cannot run the file, when the file ends the
    program, holds objects, or takes too long, and when there is no PHP.
    """
    php = find_php()
    if php is None:
        raise PhpDataError(
            "The file is more than plain data and there is no PHP to evaluate it",
            where=file,
            hint="Install PHP's command line (the program php), or reduce the file to plain assignments.",
        )
    with _memory() as channel, _memory() as stdin:
        values: PhpArray = {name: value for name, value in (given or {}).items()}  # noqa: C416  (widens the type)
        stdin.write(serialize({"file": file, "names": php_list(names), "given": values, "channel": channel.fileno()}))
        stdin.seek(0)
        status = _run(php, stdin, channel, file, directory or os.path.dirname(file), timeout)
        channel.seek(0)
        return _answer(channel.read(), file, status)


def _memory() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("provision-php"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _run(php: str, stdin: BinaryIO, channel: BinaryIO, file: str, directory: str, timeout: float) -> int:
    settings = [part for name, value in _SETTINGS.items() for part in ("-d", f"{name}={value}")]
    try:
        child = subprocess.Popen(
            [php, *settings, "-r", _PROGRAM],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(channel.fileno(),),
            env={"PATH": os.environ.get("PATH", os.defpath)},
            cwd=directory,
            start_new_session=True,
        )
    except OSError as error:
        raise PhpDataError(f"PHP cannot be started: {error.strerror}", where=file) from error
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        raise PhpDataError(
            f"PHP did not finish evaluating the file within {timeout:g} seconds",
            where=file,
            hint="Look for a loop, or for something that waits for the network.",
        ) from None
    finally:
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _answer(data: bytes, file: str, status: int) -> dict[str, PhpValue]:
    if not data:
        raise PhpDataError(f"PHP ended without an answer (status {status})", where=file)
    answer = unserialize(data) if not data.startswith(b'a:2:{i:0;s:2:"ok"') else _variables(data, file)
    if not isinstance(answer, dict):
        raise PhpDataError(f"PHP gave a broken answer (status {status})", where=file)
    kind = answer[0]
    if kind == "ok":
        return {str(name): value for name, value in answer[1].items()} if isinstance(answer[1], dict) else {}
    if kind == "exit":
        raise PhpDataError("The file ends the program (exit or die)", where=file, hint="Remove the exit.")
    message, source, line = _without_content(str(answer[1])), str(answer[2]), answer[3]
    where = f"{source}:{line}" if source not in ("", "Command line code") else file
    if kind == "parse":
        raise PhpSyntaxError(f"PHP syntax error: {message}", where=where, hint="Mend the file.")
    if kind == "exception" and source == "Command line code":
        raise PhpDataError("The file holds a value that is no data", where=file, hint=message)
    raise PhpDataError(f"PHP cannot evaluate the file: {message}", where=where, hint="Mend the file.")


def _without_content(message: str) -> str:
    """PHP's message without the text that PHP stumbled over: it may be part of a password with a wrong quote."""
    message = message.removeprefix("syntax error, ")
    operator = re.match(r'unexpected token "[^"\w]{1,3}"', message)
    if operator:
        return operator[0]
    return message.partition('"')[0].rstrip() if message.startswith("unexpected ") else _QUOTED.sub("…", message)


def _variables(data: bytes, file: str) -> PhpValue:
    try:
        return unserialize(data)
    except PhpDataError as error:
        raise PhpDataError("The file sets a variable to an object, which is no data", where=file) from error
