"""What holds for every host: the local machine and one behind ssh do the same and refuse in the same words."""

from __future__ import annotations

import grp
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from provision_py.errors import HostError, ProcessError
from provision_py.system.host import Host, Program, Secret
from provision_py.system.local import LocalHost
from provision_py.system.ssh import SshHost

STRANGE = [
    "with space",
    "quote'd",
    'dou"ble',
    "new\nline",
    "dollar$HOME",
    "-dash",
    "bl\\ash",
    "üñí",
    "`id`",
    "raw\udcff",
]
GROUP = grp.getgrgid(os.getegid()).gr_name


@pytest.fixture(params=["local", "ssh"])
def host(request: pytest.FixtureRequest) -> Host:
    if request.param == "local":
        return LocalHost()
    found: SshHost = request.getfixturevalue("ssh_host")
    return found


def mode_of(path: str | Path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


class TestFiles:
    @pytest.mark.parametrize("name", STRANGE)
    def test_any_name_and_any_content_comes_back(self, host: Host, tmp_path: Path, name: str) -> None:
        path = f"{tmp_path}/{name}"
        content = bytes(range(256)) * 5 + b"\0\n"
        host.write(path, content, mode=0o640)
        assert host.read(path) == content
        assert host.listdir(str(tmp_path)) == [name]
        state = host.stat(path)
        assert state is not None
        assert (state.kind, state.mode, state.size, state.group) == ("file", 0o640, len(content), GROUP)
        assert host.remove(path) is True
        assert host.remove(path) is False

    def test_write_replaces_a_file_with_its_mode_and_leaves_nothing_else(self, host: Host, tmp_path: Path) -> None:
        path = tmp_path / "settings.php"
        path.write_text("former")
        path.chmod(0o777)
        old = os.umask(0)
        try:
            host.write(str(path), b"", mode=0o440, group=GROUP)
        finally:
            os.umask(old)
        assert path.read_bytes() == b""
        assert mode_of(path) == 0o440
        assert os.listdir(tmp_path) == ["settings.php"]

    def test_write_replaces_a_link_and_not_what_it_points_to(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "target").write_text("kept")
        (tmp_path / "link").symlink_to("target")
        host.write(f"{tmp_path}/link", b"new")
        assert (tmp_path / "target").read_text() == "kept"
        assert (tmp_path / "link").read_bytes() == b"new"
        assert not (tmp_path / "link").is_symlink()

    def test_a_failed_write_keeps_the_former_file(self, host: Host, tmp_path: Path) -> None:
        path = tmp_path / "a.conf"
        path.write_text("former")
        with pytest.raises(HostError, match="there is no group 'no-such-group'") as caught:
            host.write(str(path), b"new", group="no-such-group")
        assert caught.value.code == "DRUSH_PERM_ERROR"
        assert path.read_text() == "former"
        assert os.listdir(tmp_path) == ["a.conf"]

    def test_stat_of_many(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("12345")
        (tmp_path / "folder").mkdir(mode=0o700)
        (tmp_path / "link").symlink_to("no where\nelse")
        os.mkfifo(tmp_path / "pipe")
        paths = [f"{tmp_path}/{name}" for name in ("file", "folder", "link", "pipe", "none", "file/below")]
        found = host.stat_all(paths)
        assert list(found) == paths
        kinds = [state.kind if state else None for state in found.values()]
        assert kinds == ["file", "directory", "link", "other", None, None]
        link = found[f"{tmp_path}/link"]
        assert link is not None
        assert link.target == "no where\nelse"
        assert found[paths[0]] == LocalHost().stat(paths[0])
        assert host.stat_all([]) == {}

    def test_a_look_brings_the_content_of_the_files_that_were_asked_for(self, host: Host, tmp_path: Path) -> None:
        odd = bytes(range(256)) + b"\0\n"
        (tmp_path / "file").write_bytes(odd)
        (tmp_path / "empty").touch()
        (tmp_path / "new\nline").write_text("x")
        (tmp_path / "unasked").write_text("not read")
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to("file")
        asked = [f"{tmp_path}/{name}" for name in ("file", "empty", "new\nline", "folder", "link", "none")]
        others = [f"{tmp_path}/unasked", str(tmp_path)]
        found = host.look(asked, others)
        assert found.states == host.stat_all([*asked, *others])
        assert found.contents == {asked[0]: odd, asked[1]: b"", asked[2]: b"x"}
        assert host.look([]).states == {}

    def test_directories_have_exactly_their_mode(self, host: Host, tmp_path: Path) -> None:
        path = f"{tmp_path}/a/b/files"
        assert host.mkdir(path, mode=0o2775, group=GROUP) is True
        assert mode_of(path) == 0o2775
        assert mode_of(f"{tmp_path}/a") == 0o755
        assert host.mkdir(path, mode=0o750) is False
        assert mode_of(path) == 0o750
        (tmp_path / "file").touch()
        with pytest.raises(HostError, match="File exists"):
            host.mkdir(f"{tmp_path}/file")

    def test_access_is_set_where_it_differs(self, host: Host, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.touch()
        path.chmod(0o600)
        assert host.set_access(str(path), mode=0o640, group=GROUP) is True
        assert host.set_access(str(path), mode=0o640, group=GROUP) is False
        assert mode_of(path) == 0o640
        (tmp_path / "link").symlink_to("file")
        assert host.set_access(f"{tmp_path}/link", mode=0o777) is False
        assert mode_of(path) == 0o640
        with pytest.raises(HostError, match="No such file"):
            host.set_access(f"{tmp_path}/none", mode=0o600)

    def test_links_replace_links_only(self, host: Host, tmp_path: Path) -> None:
        path = f"{tmp_path}/link"
        host.symlink("one", path)
        host.symlink("-two three", path)
        assert os.readlink(path) == "-two three"
        (tmp_path / "folder").mkdir()
        with pytest.raises(HostError, match="something that is not a link is in its place"):
            host.symlink("x", f"{tmp_path}/folder")
        assert sorted(os.listdir(tmp_path)) == ["folder", "link"]

    def test_removing(self, host: Host, tmp_path: Path) -> None:
        folder = tmp_path / "site" / "sub"
        folder.mkdir(parents=True)
        (folder / "file").touch()
        (tmp_path / "kept").mkdir()
        (tmp_path / "site" / "link").symlink_to(tmp_path / "kept")
        assert host.rmdir(f"{tmp_path}/site") is False
        assert host.rmdir(f"{tmp_path}/none") is False
        with pytest.raises(HostError, match="Is a directory"):
            host.remove(f"{tmp_path}/site")
        with pytest.raises(HostError, match=r"Not a directory|is a link"):
            host.remove_tree(f"{tmp_path}/site/link")
        folder.chmod(0o500)
        host.remove_tree(f"{tmp_path}/site")
        host.remove_tree(f"{tmp_path}/site")
        assert host.rmdir(f"{tmp_path}/kept") is True
        assert os.listdir(tmp_path) == []

    def test_renaming(self, host: Host, tmp_path: Path) -> None:
        (tmp_path / "old").mkdir()
        host.rename(f"{tmp_path}/old", f"{tmp_path}/new name")
        assert os.listdir(tmp_path) == ["new name"]
        with pytest.raises(HostError, match=r"Could not rename .*none: No such file or directory"):
            host.rename(f"{tmp_path}/none", f"{tmp_path}/x")

    def test_hidden_and_strange_names_are_listed(self, host: Host, tmp_path: Path) -> None:
        names = [*STRANGE, ".hidden", "..two", "...", "*"]
        for name in names:
            (tmp_path / name).touch()
        (tmp_path / "broken").symlink_to("nowhere")
        assert host.listdir(str(tmp_path)) == sorted([*names, "broken"])
        with pytest.raises(HostError, match="No such file or directory"):
            host.listdir(f"{tmp_path}/none")

    @pytest.mark.parametrize(
        "act",
        [
            lambda host, path: host.read(path),
            lambda host, path: host.write(f"{path}/below", b""),
            lambda host, path: host.rename(path, f"{path}2"),
        ],
    )
    def test_what_is_missing_is_named(self, host: Host, tmp_path: Path, act: Callable[[Host, str], object]) -> None:
        with pytest.raises(HostError, match="No such file or directory") as caught:
            act(host, f"{tmp_path}/none")
        assert caught.value.where == host.name

    def test_a_full_disk_is_named(self, host: Host) -> None:
        if host.is_local:
            pytest.skip("see tests/unit/system/test_local_host.py")
        assert isinstance(host, SshHost)
        with pytest.raises(HostError, match="No space left on device") as caught:
            host._do("write", "/dev/full", "echo x > /dev/full || cat /dev/null; exec cat /etc/hosts > /dev/full")
        assert "disk is full" in caught.value.hint


class TestPrograms:
    def test_arguments_arrive_as_they_are(self, host: Host) -> None:
        script = 'for a do printf "%s\\0" "$a"; done'
        done = host.run(["sh", "-c", script, "name", *STRANGE[:-1], "", "a\n", " b "])
        assert done.stdout.split("\0")[:-1] == [*STRANGE[:-1], "", "a\n", " b "]

    def test_environment_folder_and_input(self, host: Host, tmp_path: Path) -> None:
        done = host.run(
            ["sh", "-c", 'printf "%s|" "$SECRET" "$PLAIN" "$PWD"; cat'],
            env={"SECRET": Secret("it's \n secret"), "PLAIN": "a b"},
            cwd=str(tmp_path),
            stdin=Secret("pass\nword"),
        )
        assert done.stdout == f"it's \n secret|a b|{tmp_path}|pass\nword"

    def test_binary_input_and_big_output(self, host: Host) -> None:
        data = os.urandom(300_000)
        digest = host.run(["sha256sum"], stdin=data).stdout.split()[0]
        assert digest == hashlib.sha256(data).hexdigest()
        done = host.run(
            ["sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero | tr '\\0' y >&2"]
        )
        assert (len(done.stdout), len(done.stderr)) == (5_000_000, 3_000_000)

    def test_big_input_that_nobody_reads(self, host: Host) -> None:
        assert host.run(["true"], stdin=bytes(4_000_000)).returncode == 0

    def test_lines_come_while_it_runs(self, host: Host, tmp_path: Path) -> None:
        lines: list[str] = []
        go = tmp_path / "go"

        def listen(line: str) -> None:
            lines.append(line)
            if line == "ready":
                go.touch()

        script = (
            f"echo ready; while ! test -e '{go}'; do sleep 0.02; done; echo error >&2; sleep 0.1; printf 'no end'"
        )
        host.run(["sh", "-c", script], on_line=listen, timeout=20.0)
        assert lines == ["ready", "error", "no end"]

    def test_status_and_words_of_a_failure(self, host: Host) -> None:
        with pytest.raises(ProcessError, match="sh ended with status 3: broken") as caught:
            host.run(["sh", "-c", "echo broken >&2; exit 3"])
        assert caught.value.returncode == 3
        assert host.run(["sh", "-c", "exit 255"], check=False).returncode == 255

    def test_signal(self, host: Host) -> None:
        assert host.run(["sh", "-c", "kill -9 $$"], check=False).returncode == -9
        with pytest.raises(ProcessError, match="was ended by signal 15"):
            host.run(["sh", "-c", "kill $$"])

    def test_a_program_that_is_missing_is_an_error_even_unchecked(self, host: Host) -> None:
        with pytest.raises(ProcessError, match="Could not start no-such-program: No such file") as caught:
            host.run(["no-such-program"], check=False)
        assert caught.value.returncode is None
        with pytest.raises(ProcessError, match="Could not start"):
            host.run(["true"], cwd="/no/such/folder", check=False)

    def test_a_program_that_takes_too_long_is_ended_with_its_children(self, host: Host, tmp_path: Path) -> None:
        script = f"(sleep 2; touch '{tmp_path}/late') & echo before; wait"
        started = time.monotonic()
        with pytest.raises(ProcessError, match=r"did not end within 0\.3 seconds") as caught:
            host.run(["sh", "-c", script], timeout=0.3)
        assert time.monotonic() - started < 2
        assert caught.value.output == "before"
        time.sleep(2.2)
        assert not (tmp_path / "late").exists()

    def test_several_have_each_its_input_and_are_told_apart(self, host: Host) -> None:
        data = os.urandom(100_000)
        wanted = f"{hashlib.sha256(data).hexdigest()}  -\n"
        before = time.time()
        found = host.run_all(
            [
                Program(["sh", "-c", "printf 'no end'; printf said >&2; exit 3"], b"not read\n" * 9999),
                Program(["sha256sum"], data),
                Program(["sh", "-c", "sleep 0.3; cat"]),
                Program(["sh", "-c", "cat; printf '%s\\n' \"$@\"", "%s", "it's"], Secret("50 %s\n")),
            ]
        )
        said = [(done.returncode, done.stdout, done.stderr) for done in found]
        assert said == [(3, "no end", "said"), (0, wanted, ""), (0, "", ""), (0, "50 %s\nit's\n", "")]
        assert before <= found[0].heard <= found[1].heard < found[2].heard - 0.2 <= time.time() - 0.2
        assert host.run_all([]) == []

    def test_of_several_one_is_missing_or_takes_too_long(self, host: Host) -> None:
        with pytest.raises(ProcessError, match=r"Could not start no-such-program: No such file or directory"):
            host.run_all([Program(["true"]), Program(["no-such-program"], b"x"), Program(["true"])])
        with pytest.raises(ProcessError, match="did not end within"):
            host.run_all([Program(["sleep", "0.2"]), Program(["sleep", "9"])], timeout=0.5)


def test_several_programs_are_one_round_trip(ssh_host: SshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    run = ssh_host._link.run
    monkeypatch.setattr(ssh_host._link, "run", lambda *what, **how: calls.append("run") or run(*what, **how))
    assert len(ssh_host.run_all([Program(["true"])] * 5)) == 5
    assert calls == ["run"]


def test_a_daemon_that_holds_the_output_is_not_waited_for(ssh_host: SshHost) -> None:
    started = time.monotonic()
    done = ssh_host.run(["sh", "-c", "sleep 8 & echo started"])
    assert done.stdout == "started\n"
    assert time.monotonic() - started < 6


def test_secrets_are_in_no_process_list(ssh_host: SshHost) -> None:
    done = ssh_host.run(
        ["sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"],
        env={"PASSWORD": Secret("hunter2-in-the-environment")},
        stdin=Secret("hunter2-as-input"),
    )
    assert "provision" in done.stdout or "sh" in done.stdout
    assert "hunter2" not in done.stdout


def test_many_threads_share_one_connection(ssh_host: SshHost, tmp_path: Path) -> None:
    made = ssh_host._link.made
    together = threading.Barrier(8)

    def work(number: int) -> str:
        together.wait()
        texts = []
        for turn in range(5):
            path = f"{tmp_path}/{number}-{turn}"
            ssh_host.write(path, f"{number}".encode() * 1000)
            texts.append(ssh_host.run(["cat", path]).stdout)
        assert texts == [f"{number}" * 1000] * 5
        return ssh_host.run(["echo", str(number)]).stdout

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [f"{number}\n" for number in range(8)]
    assert ssh_host._link.made == max(made, 1)


def test_more_programs_at_once_than_sessions_wait_for_their_turn(ssh_host: SshHost) -> None:
    with ThreadPoolExecutor(20) as pool:
        done = list(
            pool.map(lambda number: ssh_host.run(["sh", "-c", f"sleep 0.1; echo {number}"]).stdout, range(20))
        )
    assert done == [f"{number}\n" for number in range(20)]
