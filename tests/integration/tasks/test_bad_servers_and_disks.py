"""Databases that refuse, web servers that reject, full disks: a task says so in its log and leaves all as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from damaged_files import alias_file, changed
from trials import Trial

from provision_py.php.files import read_drushrc
from provision_py.sandbox.platforms import fail_install
from provision_py.services.plugins import Plugins, hookimpl


class TestDatabaseServer:
    def test_a_wrong_password_of_the_administrator(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        front = trial.hosting.front
        name, password = front.context(front.db_server), trial.hosting.database.password.reveal()
        with changed(alias_file(trial, name), lambda text: text.replace(password, "wrong-password")):
            said = trial.fails(task, "PROVISION_DB_CONNECT_FAIL", "aegir_root")
            assert "wrong-password" not in said
            assert password not in said
        trial.succeeds(site, "install", uri)

    def test_a_wrong_password_at_the_verify_of_the_server(self, trial: Trial) -> None:
        front, db = trial.hosting.front, trial.hosting.db
        password = trial.hosting.database.password.reveal()
        db.execute("UPDATE {hosting_db_server} SET db_passwd = 'wrong-password'")
        said = trial.fails(front.queue_task(front.db_server, "verify"), "PROVISION_DB_CONNECT_FAIL", "aegir_root")
        assert "wrong-password" not in said
        db.execute("UPDATE {hosting_db_server} SET db_passwd = %s", (password,))
        trial.succeeds(front.db_server, "verify")

    def test_a_database_server_that_does_not_answer(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        front = trial.hosting.front
        port = str(trial.hosting.database.port)
        with changed(
            alias_file(trial, front.context(front.db_server)), lambda text: text.replace(f"'{port}'", "'1'")
        ):
            trial.fails(task, "PROVISION_DB_CONNECT_FAIL")
        trial.succeeds(site, "install", uri)

    def test_a_wrong_password_of_the_site(self, trial: Trial) -> None:
        site, folder = trial.installed()
        password = str(read_drushrc(folder / "drushrc.php")["db_passwd"])
        task = trial.hosting.front.queue_task(site, "verify")
        with changed(folder / "drushrc.php", lambda text: text.replace(password, "wrong-password")):
            said = trial.fails(task, "PROVISION_DB_CONNECT_FAIL", folder.name.replace(".", ""))
            assert "wrong-password" not in trial.log(task)
            assert password not in said
        trial.succeeds(site, "verify", folder.name)

    def test_an_existing_database_is_not_touched(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        name = uri.replace(".", "")
        server = trial.hosting.database
        server.create_database(name)
        server.query("CREATE TABLE kept (id int)", database=name)
        server.query("INSERT INTO kept VALUES (7)", database=name)
        assert trial.queue(task) == 0, trial.log(task)
        assert trial.hosting.fetch_until(200, "/", uri).status == 200
        assert server.query("SELECT id FROM kept", database=name) == [(7,)]
        assert server.query("SHOW TABLES", database=name) == [("kept",)]
        other = trial.hosting.site_row(site)["db_name"]
        assert other != name
        assert other in trial.hosting.databases()

    def test_an_existing_user_keeps_its_password(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        name = uri.replace(".", "")
        server = trial.hosting.database
        for host in ("localhost", "127.0.0.1"):
            server.query("CREATE USER %s@%s IDENTIFIED BY 'of-somebody-else'", (name, host))
        before = server.query("SHOW CREATE USER %s@'127.0.0.1'", (name,))
        assert trial.queue(task) == 0, trial.log(task)
        assert trial.hosting.site_row(site)["db_name"] != name
        assert server.query("SHOW CREATE USER %s@'127.0.0.1'", (name,)) == before
        assert trial.hosting.fetch_until(200, "/", uri).status == 200

    def test_an_existing_database_and_user_survive_a_failed_install(self, trial: Trial) -> None:
        _, uri, task = trial.new_site()
        name = uri.replace(".", "")
        server = trial.hosting.database
        server.create_database(name)
        server.query("CREATE USER %s@'127.0.0.1' IDENTIFIED BY 'of-somebody-else'", (name,))
        fail_install(trial.platform, "exception")
        trial.fails(task, "DRUPAL_INSTALL_FAILED", without=["platforms/drupal10/fail-install"])


class BrokenVhost:
    """A package whose lines for vhosts are no configuration."""

    @hookimpl
    def vhost_extra(self, site: object, server: object) -> str:
        return 'this is; } no "configuration'


class TestWebServer:
    @pytest.mark.parametrize("folder", ["vhost.d", "pre.d", "post.d"])
    def test_a_file_of_an_admin_that_the_web_server_rejects(self, trial: Trial, folder: str) -> None:
        site, uri, task = trial.new_site()
        config = trial.hosting.home / "config/server_master/nginx" / folder
        broken = config / ("of-an-admin.conf" if folder != "vhost.d" else "of.an.admin")
        broken.write_text("nonsense here;\n")
        trial.fails(task, "PROVISION_CONFIG_TEST_FAILED", "nonsense", broken.name)
        verify = trial.hosting.front.queue_task(trial.platform_nid, "verify")
        trial.fails(verify, "PROVISION_CONFIG_TEST_FAILED", "nonsense", broken.name)
        broken.unlink()
        trial.succeeds(site, "install", uri)

    def test_a_package_that_adds_garbage_to_vhosts(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        former = trial.hosting.plugins
        trial.hosting.plugins = Plugins.load()
        trial.hosting.plugins.register(BrokenVhost())
        trial.fails(task, "PROVISION_CONFIG_TEST_FAILED")
        trial.hosting.plugins = former
        trial.succeeds(site, "install", uri)

    def test_a_reload_that_fails(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        command = trial.hosting.web.restart_command
        with changed(alias_file(trial, "server_master"), lambda text: text.replace(command, "/bin/false reload")):
            said = trial.fails(task, "PROVISION_WEB_RELOAD_FAILED", "/bin/false")
            assert "sudo" in said
        trial.succeeds(site, "install", uri)

    def test_a_reload_that_fails_at_a_verify(self, trial: Trial) -> None:
        site, folder = trial.installed()
        command = trial.hosting.web.restart_command
        vhost = trial.hosting.home / "config/server_master/nginx/vhost.d" / folder.name
        vhost.write_text(vhost.read_text() + "# a change\n")
        task = trial.hosting.front.queue_task(site, "verify")
        with changed(alias_file(trial, "server_master"), lambda text: text.replace(command, "/bin/false reload")):
            trial.fails(task, "PROVISION_WEB_RELOAD_FAILED", "/bin/false")
        assert vhost.read_text().endswith("# a change\n")
        trial.succeeds(site, "verify", folder.name)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A folder on a disk of this size, with the content that it has. Needs root."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if done.returncode != 0:
        pytest.skip("a disk of a test's own cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte free on the disk of a folder."""
    path = folder / "all-of-it"
    with path.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(b"x" * 512)
    return path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts disks")
class TestFullDisk:
    @pytest.mark.parametrize("free", [0, 1, 2, 3])
    def test_the_disk_of_the_platform(self, trial: Trial, free: int) -> None:
        """``free`` pages: it is full at the first file of the site, at the second …"""
        hosting, front = trial.hosting, trial.hosting.front
        root = hosting.home / f"platforms/full{free}"
        root.mkdir()
        with small_disk(root, "4m"):
            shutil.copytree(
                trial.docroot, root, ignore=shutil.ignore_patterns("*.example.test", "sites.php"), dirs_exist_ok=True
            )
            platform = front.add_platform(f"full{free}", str(root), front.web_server)
            assert trial.queue(hosting.queued(platform, "verify")) == 0
            reserved = root / "reserved"
            reserved.write_bytes(b"x" * 4096 * free)
            full = fill(root)
            reserved.unlink()
            site = front.add_site(trial.name(), platform, front.db_server)
            uri = front.context(site)
            task = hosting.queued(site, "install")
            trial.fails(
                task,
                "PROVISION_SYSTEM",
                "No space left",
                str(root),
                "free some space",
                without=[f"platforms/{root.name}/sites/sites.php"],
            )
            full.unlink()
            trial.succeeds(site, "install", uri)

    def test_the_disk_of_the_journal(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        before = trial.before()
        with small_disk(trial.state, "256k"):
            (trial.state / "locks").mkdir()
            full = fill(trial.state)
            assert trial.queue(task) == 1
            trial.failed(task, "PROVISION_SYSTEM", "No space left", before=before)
            full.unlink()
        trial.succeeds(site, "install", uri)

    def test_the_disk_of_the_journal_fills_up_while_a_task_runs(self, trial: Trial) -> None:
        with small_disk(trial.state, "256k"):
            for inodes in range(4, 24, 4):
                subprocess.run(["mount", "-o", f"remount,nr_inodes={inodes},size=16k", str(trial.state)], check=True)
                _, _, task = trial.new_site()
                before = trial.before()
                status = trial.queue(task)
                if status == 0:
                    break
                trial.failed(task, "PROVISION_SYSTEM", "No space left", before=before)

    def test_the_disk_of_the_web_servers_configuration(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        folder = trial.hosting.home / "config/server_master/nginx/vhost.d"
        kept = {path.name: path.read_bytes() for path in folder.iterdir()}
        with small_disk(folder, "256k"):
            for name, content in kept.items():
                (folder / name).write_bytes(content)
            full = fill(folder)
            trial.fails(task, "PROVISION_SYSTEM", "No space left", str(folder))
            full.unlink()
        trial.succeeds(site, "install", uri)
