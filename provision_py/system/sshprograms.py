"""Scripts that run programs on another machine, see sshexec for how they get there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision_py.errors import HostError
from provision_py.system.host import Completed, Program, Secret
from provision_py.system.process import PATH
from provision_py.system.shell import quote, words

_ENVIRONMENT = f'PATH="$PATH:{PATH}"\nLANG=C.UTF-8; LC_ALL=C.UTF-8\nexport PATH LANG LC_ALL'


def program_script(argv: Sequence[str], env: Mapping[str, str | Secret], cwd: str | None, missing: str) -> str:
    """The script that becomes a program. It says ``missing``, the program's name and a reason when there is none to
    become.

    Raises HostError for a variable's name that a shell cannot hold.
    """
    lines = [_ENVIRONMENT]
    for name, value in env.items():
        if not (name.isascii() and name.isidentifier()):
            raise HostError(f"{name!r} is not the name of an environment variable")
        text = value.reveal() if isinstance(value, Secret) else value
        lines += [f"{name}={quote(text)}", f"export {name}"]
    if cwd is not None:
        lines.append(f"cd -- {quote(cwd)} || {{ {_says(missing, argv[0], f'no such folder: {cwd}')}; exit 127; }}")
    return "\n".join([*lines, _becoming(argv, missing)])


def programs_script(programs: Sequence[Program], missing: str, mark: str) -> tuple[str, bytes]:
    """The script that runs programs one after the other, and its input: all that they read, in this order.

    After each one, a line on its standard output ends with the mark and the status, one on its standard error with
    the mark. See :func:`program_script` for ``missing``.
    """
    lines, content = [_ENVIRONMENT], b""
    for program in programs:
        data = bytes_of(program.stdin)
        run = f"(\n{_becoming(program.argv, missing)}\n)"
        # What a program leaves of its input must not become that of the next one.
        fed = (
            f"head -c {len(data)} | {{ {run}; s=$?; cat > /dev/null; (exit $s); }}" if data else f"{run} < /dev/null"
        )
        lines += [fed, f"echo {mark} $?; echo {mark} >&2"]
        content += data
    return "\n".join(lines), content


def told_apart(programs: Sequence[Program], whole: Completed, mark: str) -> list[Completed]:
    """How each of the programs of :func:`programs_script` ended. Those that did not are left out."""
    found, stdout, stderr = [], whole.stdout, whole.stderr
    for program in programs:
        said, ended, stdout = stdout.partition(f"{mark} ")
        status, _, stdout = stdout.partition("\n")
        told, _, stderr = stderr.partition(f"{mark}\n")
        if ended:
            found.append(Completed(tuple(program.argv), int(status), said, told))
    return found


def _becoming(argv: Sequence[str], missing: str) -> str:
    no_such = f"{{ {_says(missing, argv[0], 'No such file or directory')}; exit 127; }}"
    return f'set -- {words(argv)}\ncommand -v "$1" > /dev/null || {no_such}\nexec "$@"'


def _says(missing: str, program: str, reason: str) -> str:
    return f"echo {missing} {quote(f'{program}: {reason}')} >&2"


def bytes_of(stdin: bytes | Secret | None) -> bytes:
    """What a program reads, as it goes over the wire."""
    return stdin.reveal().encode("utf-8", "surrogateescape") if isinstance(stdin, Secret) else stdin or b""
