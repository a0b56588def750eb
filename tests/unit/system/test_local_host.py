"""The local machine: files, processes, locks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provision_py.errors import HostError, LockedError, ProcessError
from provision_py.system.host import Secret
from provision_py.system.local import LocalHost
from provision_py.system.locks import FileLock

HOST = LocalHost()


def test_a_written_file_has_its_final_mode_and_leaves_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "settings.php"
    old = os.umask(0)
    try:
        HOST.write(str(path), b"<?php\n", mode=0o440)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o7777 == 0o440
    assert [p.name for p in tmp_path.iterdir()] == ["settings.php"]


def test_a_failed_write_keeps_the_former_file_and_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_text("former")
    with pytest.raises(HostError, match="no group 'no-such-group'") as caught:
        HOST.write(str(path), b"new", group="no-such-group")
    assert caught.value.where == "localhost"
    assert path.read_text() == "former"
    assert [p.name for p in tmp_path.iterdir()] == ["a.conf"]


def test_a_full_disk_is_named() -> None:
    with pytest.raises(HostError, match="No space left on device") as caught:
        _write_to_full_device()
    assert "disk is full" in caught.value.hint


def _write_to_full_device() -> None:
    with HOST._failing("write", "/dev/full"), open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")


def test_mkdir_sets_setgid_exactly_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        assert HOST.mkdir(f"{tmp_path}/files", mode=0o2775) is True
        assert HOST.mkdir(f"{tmp_path}/files", mode=0o2770) is False
    finally:
        os.umask(old)
    assert (tmp_path / "files").stat().st_mode & 0o7777 == 0o2770


def test_symlink_replaces_links_but_never_files(tmp_path: Path) -> None:
    HOST.symlink("a", f"{tmp_path}/link")
    HOST.symlink("b", f"{tmp_path}/link")
    assert os.readlink(tmp_path / "link") == "b"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(HostError):
        HOST.symlink("a", f"{tmp_path}/file")
    assert (tmp_path / "file").read_text() == "mine"


def test_remove_tree_does_not_follow_links_and_copes_with_read_only_folders(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kept").write_text("kept")
    site = tmp_path / "site"
    (site / "files").mkdir(parents=True)
    (site / "settings.php").write_text("x")
    (site / "files/link").symlink_to(tmp_path / "outside")
    site.chmod(0o555)
    HOST.remove_tree(str(site))
    assert not site.exists()
    assert (tmp_path / "outside/kept").read_text() == "kept"
    (tmp_path / "alias").symlink_to(tmp_path / "outside")
    with pytest.raises(HostError):
        HOST.remove_tree(str(tmp_path / "alias"))


@pytest.mark.parametrize("name", ["new", "former"])
def test_a_folder_of_ours_that_is_read_only_is_written_to_and_stays_so(tmp_path: Path, name: str) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "former").write_text("x")
    site.chmod(0o555)
    script = f"""
import os
from provision_py.system.local import LocalHost
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.chdir({str(site)!r})
host, site = LocalHost(), os.getcwd()
host.write(site + "/{name}", b"y")
host.mkdir(site + "/files")
assert host.rmdir(site + "/files") and not host.rmdir(site + "/none")
assert host.remove(site + "/{name}") and not host.remove(site + "/{name}")
assert os.stat(site).st_mode & 0o777 == 0o555, oct(os.stat(site).st_mode)
"""
    if os.geteuid() == 0:
        for path in (site, site / "former"):
            os.chown(path, 65534, 65534)
        # pytest's own folders let nobody else in.
        for parent in (tmp_path, *tmp_path.parents[:2]):
            parent.chmod(0o711)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_run_streams_lines_and_returns_both_channels() -> None:
    lines: list[str] = []
    done = HOST.run(["sh", "-c", "echo out; echo err >&2; cat"], stdin=b"in\n", on_line=lines.append)
    assert done.stdout == "out\nin\n"
    assert done.stderr == "err\n"
    assert sorted(lines) == ["err", "in", "out"]


def test_children_do_not_get_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    done = HOST.run(["env"], env={"ONE": Secret("shown to the child")})
    assert "hunter2" not in done.stdout
    assert "ONE=shown to the child" in done.stdout


def test_a_failing_program_is_quoted_with_its_status_and_last_words() -> None:
    with pytest.raises(ProcessError, match="ended with status 3: oh no") as caught:
        HOST.run(["sh", "-c", "echo oh no >&2; exit 3"])
    assert caught.value.returncode == 3
    with pytest.raises(ProcessError, match="Could not start"):
        HOST.run(["/no/such/program"])


def test_time_limit_kills_the_whole_group(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ProcessError, match=r"did not end within 0\.3 seconds"):
        HOST.run(["sh", "-c", f"(sleep 30; touch {tmp_path}/late) & sleep 30"], timeout=0.3)
    assert time.monotonic() - started < 5


def test_children_die_with_their_runner(tmp_path: Path) -> None:
    script = (
        "from provision_py.system.local import LocalHost\n"
        f"LocalHost().run(['sh', '-c', 'echo $$ > {tmp_path}/pid; exec sleep 60'])\n"
    )
    runner = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 10
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child = int((tmp_path / "pid").read_text())
    runner.kill()
    runner.wait()
    while _alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_secrets_do_not_show() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2"


def test_locks_exclude_name_their_holder_and_let_readers_in(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with FileLock(path), pytest.raises(LockedError, match=f"pid {os.getpid()}"):
        FileLock(path, timeout=0).acquire()
    with FileLock(path, shared=True), FileLock(path, shared=True, timeout=0), pytest.raises(LockedError):
        FileLock(path, timeout=0).acquire()
    FileLock(path, timeout=0).acquire()


def test_a_daemon_that_keeps_the_output_open_is_not_waited_for(tmp_path: Path) -> None:
    started = time.monotonic()
    done = HOST.run(["sh", "-c", f"(sleep 20; touch {tmp_path}/late) & echo $!; echo done"])
    assert time.monotonic() - started < 10
    daemon, said = done.stdout.split()
    assert said == "done"
    os.kill(int(daemon), 9)
