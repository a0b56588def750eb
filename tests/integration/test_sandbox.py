"""The private servers themselves: they start, answer, reload, stay apart and go away completely."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provision_py.errors import HostError
from provision_py.sandbox.apache import Apache
from provision_py.sandbox.base import STATE_FILE, Sandbox, reap_abandoned
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.sandbox.nginx import Nginx, start_nginx
from provision_py.sandbox.phpfpm import start_php_fpm
from provision_py.sandbox.processes import ProcessRecord
from provision_py.sandbox.webserver import WebServer

PAGE = "<?php print $_SERVER['db_name'] . ' ' . PHP_MAJOR_VERSION;"


@pytest.fixture(params=["apache", "apache_fpm", "nginx"])
def web_server(request: pytest.FixtureRequest) -> WebServer:
    server: WebServer = request.getfixturevalue(request.param)
    return server


def write_site(server: WebServer, root: Path, value: str) -> None:
    web = root / "web"
    web.mkdir(exist_ok=True)
    (web / "page.php").write_text(PAGE)
    config = root / "config" / f"{server.application}.conf"
    config.parent.mkdir(exist_ok=True)
    if isinstance(server, Apache):
        config.write_text(
            f"<VirtualHost *:{server.port}>\nServerName site.test\nDocumentRoot {web}\nSetEnv db_name {value}\n"
            f"<Directory {web}>\nRequire all granted\n</Directory>\n</VirtualHost>\n"
        )
    else:
        assert server.php_fpm is not None
        config.write_text(
            f"server {{ listen *:{server.port}; server_name site.test; root {web};\n location ~ [.]php$ {{\n"
            f"include fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n"
            f"fastcgi_param db_name {value}; fastcgi_pass unix:{server.php_fpm.socket}; }} }}\n"
        )


def test_a_web_server_runs_php_of_the_sites_below_an_aegir_root(web_server: WebServer, aegir_root: Path) -> None:
    write_site(web_server, aegir_root, "first")
    web_server.serve(aegir_root)
    answer = web_server.fetch("/page.php", host="site.test")
    assert (answer.status, answer.text[:-2]) == (200, "first")

    write_site(web_server, aegir_root, "second")
    assert web_server.test()[0]
    web_server.reload()
    assert web_server.fetch("/page.php", host="site.test").text.startswith("second")

    web_server.forget(aegir_root)
    assert "second" not in web_server.fetch("/page.php", host="site.test").text


def test_an_aegir_root_may_be_served_before_it_has_configuration(web_server: WebServer, aegir_root: Path) -> None:
    web_server.serve(aegir_root)
    assert web_server.is_running


def test_a_broken_configuration_fails_its_test_and_is_not_loaded(web_server: WebServer, aegir_root: Path) -> None:
    write_site(web_server, aegir_root, "good")
    web_server.serve(aegir_root)
    config = aegir_root / "config" / f"{web_server.application}.conf"
    config.write_text(config.read_text() + "\nnonsense here;\n")
    valid, message = web_server.test()
    assert not valid
    assert "nonsense" in message
    with pytest.raises(HostError, match="refuses its configuration"):
        web_server.reload()
    assert web_server.fetch("/page.php", host="site.test").text.startswith("good")


def test_the_reload_command_works_as_a_plain_argument_list(web_server: WebServer) -> None:
    done = subprocess.run(web_server.restart_command.split(), capture_output=True, check=False)
    assert done.returncode == 0


def test_the_database_answers_by_socket_and_by_tcp(mariadb: DatabaseServer, database: str) -> None:
    mariadb.load_sql(database, b"CREATE TABLE t (name VARCHAR(20)); INSERT INTO t VALUES ('\xc3\xa9');")
    assert mariadb.query("SELECT name FROM t", database=database) == [("é",)]
    by_tcp = DatabaseServer(mariadb.host, mariadb.port, None, mariadb.user, mariadb.password)
    assert by_tcp.query("SELECT COUNT(*) FROM t", database=database) == [(1,)]


def test_the_database_lets_nobody_in_without_a_password(mariadb: DatabaseServer) -> None:
    unnamed = mariadb.query("SELECT COUNT(*) FROM mysql.global_priv WHERE User IN ('', 'root')")
    assert unnamed == [(0,)]


def test_passwords_stand_in_no_file_and_no_command_line(mariadb: DatabaseServer, stack: Sandbox) -> None:
    if mariadb.socket is None:
        pytest.skip("the database runs in a container")
    word = mariadb.password.reveal().encode()
    files = [path for path in stack.path.rglob("*") if path.is_file() and "mariadb-data" not in path.parts]
    assert files
    assert not [path for path in files if word in path.read_bytes()]
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
    assert not [line for line in lines if word in line]


def test_two_sandboxes_run_side_by_side_and_leave_nothing(sandbox: Sandbox) -> None:
    other = Sandbox.create()
    first = start_nginx(sandbox, php_fpm=start_php_fpm(sandbox))
    second = start_nginx(other, php_fpm=start_php_fpm(other))
    assert first.port != second.port
    processes = list(other.running().values())
    assert len(processes) == 2
    other.remove()
    assert not other.path.exists()
    assert not [record for record in processes if record.is_running()]
    assert len(sandbox.running()) == 2


def test_a_long_path_gets_its_sockets_elsewhere(tmp_path: Path) -> None:
    sandbox = Sandbox.create(tmp_path / ("long" * 30))
    run = sandbox.run
    try:
        assert len(str(start_php_fpm(sandbox).socket)) < 100
    finally:
        sandbox.remove()
    assert not run.exists()


def test_stopping_does_not_hit_a_process_that_reuses_the_number(sandbox: Sandbox) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        state = (sandbox.path / STATE_FILE).read_text()
        state = state.replace('"processes": {}', f'"processes": {{"nginx": [{bystander.pid}, 1]}}')
        (sandbox.path / STATE_FILE).write_text(state)
        again = Sandbox.open(sandbox.path)
        assert again.running() == {}
        again.stop()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_sandbox_whose_process_was_killed_is_cleared_away(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom provision_py.sandbox.base import Sandbox\n"
        "from provision_py.sandbox.phpfpm import start_php_fpm\n"
        "s = Sandbox.create(prefix='provision-py-orphan-')\nstart_php_fpm(s)\n"
        "print(s.path, flush=True)\ntime.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    path = Path(child.stdout.readline().strip())
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    orphan = Sandbox.open(path).running()["php-fpm"]
    assert path in reap_abandoned("provision-py-orphan-")
    assert not path.exists()
    assert not orphan.is_running()


def test_a_killed_server_is_seen_as_gone_and_what_it_leaves_is_stopped(sandbox: Sandbox) -> None:
    server = start_nginx(sandbox)
    master = sandbox.running()["nginx"]
    workers = master.children()
    assert workers
    os.kill(master.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while server.is_running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not server.is_running
    with pytest.raises(HostError):
        server.reload(patience=2)
    assert [one for one in workers if one.is_running()]
    sandbox.stop()
    assert not [one for one in workers if one.is_running()]


def test_a_process_record_tells_the_living_from_the_dead() -> None:
    assert ProcessRecord.of(os.getpid()) is not None
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert ProcessRecord.of(child.pid) is None


def test_opening_what_is_no_sandbox_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="There is no sandbox"):
        Sandbox.open(tmp_path)
    (tmp_path / STATE_FILE).write_text("{}")
    with pytest.raises(HostError, match="cannot be read"):
        Sandbox.open(tmp_path)
    with pytest.raises(HostError, match="not empty"):
        Sandbox.create(tmp_path)


def test_nginx_and_apache_are_both_named_by_their_application(nginx: Nginx, apache: Apache) -> None:
    assert (nginx.application, apache.application) == ("nginx", "apache")
