"""What is wrong with the input of a task fails it with a clear log, and leaves everything as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from trials import OTHER, Trial

from provision_py.php.files import read_drushrc
from provision_py.sandbox.platforms import fail_install
from provision_py.services.plugins import Plugins, hookimpl


@contextmanager
def changed(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """A file with another content, for a while."""
    content, mode = path.read_text(), path.stat().st_mode
    path.chmod(0o600)
    path.write_text(change(content))
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(0o600)
        path.write_text(content)
        path.chmod(mode)


@contextmanager
def moved(path: Path) -> Iterator[None]:
    """A path that is missing, for a while."""
    away = path.with_name(f"{path.name}.away")
    path.rename(away)
    try:
        yield
    finally:
        away.rename(path)


@contextmanager
def mode_of(path: Path, mode: int) -> Iterator[None]:
    former = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(former)


def alias_file(trial: Trial, name: str) -> Path:
    return trial.hosting.installation.drush_dir / f"{name}.alias.drushrc.php"


class TestContexts:
    def test_a_missing_platform_alias(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        name = trial.hosting.front.context(trial.platform_nid)
        with moved(alias_file(trial, name)):
            trial.fails(task, "PROVISION_MISSING_CONTEXT", name, "does not exist")
        trial.succeeds(site, "install", uri)

    @pytest.mark.parametrize("name", ["platform", "server_master", "server_db"])
    def test_an_alias_with_a_syntax_error(self, trial: Trial, name: str) -> None:
        site, uri, task = trial.new_site()
        front = trial.hosting.front
        name = {"platform": front.context(trial.platform_nid), "server_db": front.context(front.db_server)}.get(
            name, name
        )
        with changed(alias_file(trial, name), lambda text: text.replace("array (", "arra y (", 1)):
            trial.fails(task, "PROVISION_PHP_DATA", f"{name}.alias.drushrc.php")
        trial.succeeds(site, "install", uri)

    def test_an_unreadable_alias(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        path = alias_file(trial, trial.hosting.front.context(trial.platform_nid))
        with mode_of(path, 0):
            trial.fails(task, "PROVISION_PHP_DATA", path.name, run=trial.unprivileged)
        trial.succeeds(site, "install", uri)

    def test_a_broken_alias_of_the_site_itself(self, trial: Trial) -> None:
        site, folder = trial.installed()
        task = trial.hosting.front.queue_task(site, "verify")
        with changed(alias_file(trial, folder.name), lambda text: text[: len(text) // 2]):
            trial.fails(task, "PROVISION_PHP_DATA", f"{folder.name}.alias.drushrc.php")
        trial.succeeds(site, "verify", folder.name)

    def test_a_broken_alias_of_another_site_is_no_concern(self, trial: Trial) -> None:
        _, uri, task = trial.new_site()
        with changed(alias_file(trial, OTHER), lambda text: text[: len(text) // 2]):
            assert trial.queue(task) == 0, trial.log(task)
        assert trial.hosting.fetch_until(200, "/", uri).status == 200

    def test_a_broken_drushrc_of_the_site(self, trial: Trial) -> None:
        site, folder = trial.installed()
        task = trial.hosting.front.queue_task(site, "verify")
        with changed(folder / "drushrc.php", lambda text: text.replace("=", "= =", 1)):
            trial.fails(task, "PROVISION_PHP_DATA", str(folder / "drushrc.php"))
        trial.succeeds(site, "verify", folder.name)

    def test_a_site_without_credentials_on_record_keeps_its_settings(self, trial: Trial) -> None:
        site, folder = trial.installed()
        task = trial.hosting.front.queue_task(site, "verify")
        with moved(folder / "drushrc.php"):
            trial.fails(task, "PROVISION_DRUPAL_SITE_NOT_FOUND", "db_passwd", str(folder))
        trial.succeeds(site, "verify", folder.name)

    def test_an_unknown_service_type(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        with changed(alias_file(trial, "server_master"), lambda text: text.replace("'nginx'", "'lighttpd'")):
            trial.fails(task, "PROVISION_SERVICE", "lighttpd", "nginx")
        trial.succeeds(site, "install", uri)

    def test_an_unknown_service_type_in_the_front_end(self, trial: Trial) -> None:
        front = trial.hosting.front
        db, rows = trial.hosting.db, "{hosting_service} WHERE service = 'http'"
        former = db.value(f"SELECT type FROM {rows}")
        db.execute("UPDATE {hosting_service} SET type = 'lighttpd' WHERE service = 'http'")
        alias = alias_file(trial, "server_master").read_text()
        trial.fails(front.queue_task(front.web_server, "verify"), "PROVISION_SERVICE", "lighttpd")
        assert alias_file(trial, "server_master").read_text() == alias
        db.execute("UPDATE {hosting_service} SET type = %s WHERE service = 'http'", (former,))
        trial.succeeds(front.web_server, "verify")

    def test_an_object_that_the_front_end_has_deleted(self, trial: Trial) -> None:
        _, _, task = trial.new_site()
        trial.hosting.db.execute("UPDATE {hosting_task} SET rid = 999999 WHERE nid = %s", (task,))
        trial.fails(task, "PROVISION_HOSTMASTER_NO_NODE", "999999", run=trial.by_program)


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


class TestPlatform:
    def test_a_missing_folder(self, trial: Trial) -> None:
        front = trial.hosting.front
        site, uri, task = trial.new_site()
        verify = front.queue_task(trial.platform_nid, "verify")
        with moved(trial.docroot):
            results = trial.hosting.run_queue()
            assert results == {task: 1, verify: 1}
            for one in (task, verify):
                assert trial.status(one) == 2
                assert "DRUSH_INVALID_DRUPAL_ROOT" in trial.hosting.errors(one)
                assert str(trial.docroot) in trial.log(one)
            assert not trial.docroot.exists()
        trial.succeeds(trial.platform_nid, "verify")
        trial.succeeds(site, "install", uri)

    def test_a_folder_that_is_no_drupal(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        with moved(trial.docroot / "index.php"):
            trial.fails(task, "DRUSH_INVALID_DRUPAL_ROOT", str(trial.docroot))
        with moved(trial.docroot / "index.php"):
            verify = trial.hosting.front.queue_task(trial.platform_nid, "verify")
            trial.fails(verify, "DRUSH_INVALID_DRUPAL_ROOT", str(trial.docroot))
        trial.succeeds(site, "install", uri)

    def test_a_merge_conflict_in_the_core(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        core = trial.docroot / "core/lib/Drupal.php"
        with changed(core, lambda text: f"<<<<<<< HEAD\n{text}=======\n>>>>>>> other\n"):
            trial.fails(task, "DRUSH_INVALID_DRUPAL_ROOT", "merge conflict", str(core))
            verify = trial.hosting.front.queue_task(trial.platform_nid, "verify")
            trial.fails(verify, "DRUSH_INVALID_DRUPAL_ROOT", "merge conflict", str(core))
        trial.succeeds(site, "install", uri)

    def test_a_sites_folder_that_is_not_writable(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        with mode_of(trial.sites, 0o555):
            said = trial.fails(task, "PROVISION_SITES_DIR_NOT_WRITABLE", str(trial.sites), run=trial.unprivileged)
            assert "chown" in said
        trial.succeeds(site, "install", uri)

    def test_a_sites_php_that_is_not_writable_or_not_php(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        path = trial.sites / "sites.php"
        there = path.exists()
        former = path.read_text() if there else "<?php\n$sites['kept'] = 'other.example.test';\n"
        path.write_text("<?php\n$sites['a'] = ;\n")
        trial.hosting.db.execute(
            "INSERT INTO {hosting_site_alias} (vid, nid, alias, automatic, redirection)"
            " SELECT vid, nid, 'www.broken.example.test', 0, '0' FROM {node} WHERE nid = %s",
            (site,),
        )
        trial.fails(task, "PROVISION_PHP_DATA", str(path))
        path.write_text(former)
        trial.succeeds(site, "install", uri)
        assert "www.broken.example.test" in path.read_text()

    def test_a_corrupt_cache_of_packages(self, trial: Trial) -> None:
        caches = list((trial.state / "cache").glob("*.json"))
        assert caches
        for broken in ("", "{", "[]", '{"version": 1, "files": []}', "\x00" * 100, '{"version":"x","files":{"a":7}}'):
            for cache in caches:
                cache.write_text(broken)
            trial.succeeds(trial.platform_nid, "verify")

    def test_a_symlink_in_place_of_the_sites_folder(self, trial: Trial, tmp_path: Path) -> None:
        site, uri, task = trial.new_site()
        (tmp_path / "kept").write_text("kept")
        (trial.sites / uri).symlink_to(tmp_path)
        trial.fails(task, "PROVISION_NAME_TAKEN", uri, "link")
        assert (trial.sites / uri).is_symlink()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]
        (trial.sites / uri).unlink()
        trial.succeeds(site, "install", uri)

    def test_a_folder_of_that_name_with_things_of_somebody_else(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        folder = trial.sites / uri
        (folder / "files").mkdir(parents=True)
        (folder / "files/kept.txt").write_text("kept")
        (folder / "local.settings.php").write_text("<?php # kept\n")
        fail_install(trial.platform, "exception")
        trial.fails(task, "DRUPAL_INSTALL_FAILED")
        trial.unlink_switches()
        trial.succeeds(site, "install", uri)
        assert (folder / "files/kept.txt").read_text() == "kept"
        assert (folder / "local.settings.php").read_text() == "<?php # kept\n"

    def test_a_file_in_place_of_a_folder(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        (trial.sites / uri).write_text("a file")
        trial.fails(task, "PROVISION_SYSTEM", uri)
        (trial.sites / uri).unlink()
        trial.succeeds(site, "install", uri)

    def test_stale_temporary_files_do_no_harm(self, trial: Trial) -> None:
        site, folder = trial.installed()
        stale = [folder / ".settings.php.0badcafe.tmp", trial.sites / ".sites.php.0badcafe.tmp"]
        for path in stale:
            path.write_text("half a fi")
        trial.succeeds(site, "verify", folder.name)
        for path in stale:
            path.unlink(missing_ok=True)

    def test_no_php_on_this_machine(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        options = trial.hosting.installation.drush_dir / "drushrc.php"
        options.write_text("<?php\n$options['provision_php'] = '/nowhere/php';\n")
        trial.fails(task, "PROVISION_PROCESS_ERROR", "/nowhere/php", "Install the program")
        options.unlink()
        trial.succeeds(site, "install", uri)

    def test_a_makefile_without_drush_and_a_missing_makefile(self, trial: Trial, tmp_path: Path) -> None:
        front, hosting = trial.hosting.front, trial.hosting
        root = hosting.home / "platforms/made"
        makefile = tmp_path / "it.make"
        platform = front.add_platform("made", str(root), front.web_server, makefile=str(makefile))
        trial.fails(hosting.queued(platform, "verify"), "DRUSH_MAKE_FAILED", str(makefile), "does not exist")
        makefile.write_text("core = 7.x\n")
        if shutil.which("drush") is None:
            trial.fails(front.queue_task(platform, "verify"), "DRUSH_MAKE_FAILED", "drush 8", "not installed")
        assert not root.exists()

    def test_a_make_that_fails_half_way(self, trial: Trial, tmp_path: Path) -> None:
        front, hosting = trial.hosting.front, trial.hosting
        root = hosting.home / "platforms/half"
        (tmp_path / "it.make").write_text("core = 7.x\n")
        tool = tmp_path / "drush"
        tool.write_text(
            '#!/bin/sh\nfor root; do :; done\nmkdir -p "$root/sites"\necho half >"$root/x"\necho no >&2\nexit 3\n'
        )
        tool.chmod(0o755)
        platform = front.add_platform("half", str(root), front.web_server, makefile=str(tmp_path / "it.make"))

        def run(task: int) -> int:
            return trial.program("hosting-task", str(task), PATH=f"{tmp_path}:{os.environ['PATH']}")[0]

        trial.fails(hosting.queued(platform, "verify"), "DRUSH_MAKE_FAILED", "status 3: no", run=run)
        assert not root.exists()

    def test_composer_is_needed_and_missing(self, trial: Trial) -> None:
        front, hosting = trial.hosting.front, trial.hosting
        root = hosting.home / "platforms/composed"
        shutil.copytree(trial.docroot, root, ignore=shutil.ignore_patterns("*.example.test"))
        shutil.rmtree(root / "vendor")
        platform = front.add_platform("composed", str(root), front.web_server)
        options = hosting.installation.drush_dir / "drushrc.php"
        options.write_text("<?php\n$options['provision_composer_install_command'] = 'no-such-composer install';\n")
        trial.fails(hosting.queued(platform, "verify"), "PROVISION_COMPOSER", "no-such-composer", str(root))
        tool = hosting.home / "composer-stub"
        tool.write_text("#!/bin/sh\nmkdir -p vendor/half\necho it breaks >&2\nexit 5\n")
        tool.chmod(0o755)
        options.write_text(f"<?php\n$options['provision_composer_install_command'] = '{tool} install';\n")
        trial.fails(front.queue_task(platform, "verify"), "PROVISION_COMPOSER", "status 5", "it breaks")
        options.unlink()
        shutil.copytree(trial.docroot / "vendor", root / "vendor")
        trial.succeeds(platform, "verify")


class TestNames:
    @pytest.mark.parametrize(
        "uri",
        [
            "with space.example.test",
            "quo'te.example.test",
            'quo"te.example.test',
            "../outside",
            "../../outside",
            "semi;colon.example.test",
            "line\nbreak.example.test",
            "back`tick`.example.test",
            "dollar$(touch x).example.test",
            "nul\0.example.test",
            "-dash.example.test",
            "full。width．example.test",
            "null",
            "..",
            "a" * 64 + ".example.test",
        ],
    )
    def test_malformed_names_in_the_queue(self, trial: Trial, uri: str) -> None:
        aliases = sorted(path.name for path in trial.hosting.installation.drush_dir.iterdir())
        name = f"bad{trial.name()}"
        site = trial.add_site(name, name=name)
        trial.hosting.db.execute("UPDATE {node} SET title = %s WHERE nid = %s", (uri, site))
        trial.fails(trial.hosting.queued(site, "install"), "PROVISION_INVALID_NAME")
        assert sorted(path.name for path in trial.hosting.installation.drush_dir.iterdir()) == aliases

    @pytest.mark.parametrize(
        "name", ["../outside", "a b", "a;b", "a'b", "a\nb", ".hidden", "a/b", "none", "self", "", "x" * 250]
    )
    def test_malformed_names_of_contexts(self, trial: Trial, name: str) -> None:
        aliases = sorted(path.name for path in trial.hosting.home.rglob("*.alias.drushrc.php"))
        status, said = trial.program("provision-save", f"@{name}", "--context_type=server", "--remote_host=localhost")
        assert status in (1, 2), said
        assert "PROVISION_" in said
        assert sorted(path.name for path in trial.hosting.home.rglob("*.alias.drushrc.php")) == aliases

    @pytest.mark.parametrize("uri", ["a b.test", "../x", "a;b.test", "a'b.test", "a\nb.test", "a/b", "ｆull.test"])
    def test_malformed_names_of_sites(self, trial: Trial, uri: str) -> None:
        platform = trial.hosting.front.context(trial.platform_nid)
        words = ["--context_type=site", f"--platform=@{platform}", f"--uri={uri}"]
        status, said = trial.program("provision-save", "@new", *words)
        assert status == 1
        assert "PROVISION_INVALID_NAME" in said
        assert not alias_file(trial, "new").exists()

    def test_an_internationalised_name_is_served(self, trial: Trial) -> None:
        coded = "xn--mnchen-3ya.example.test"
        site = trial.add_site("münchen.example.test", name=coded)
        task = trial.hosting.queued(site, "install")
        assert trial.queue(task) == 0, trial.log(task)
        assert (trial.sites / coded / "settings.php").exists()
        assert trial.hosting.fetch_until(200, "/", coded).status == 200

    def test_a_name_that_another_platform_has(self, trial: Trial) -> None:
        hosting, front = trial.hosting, trial.hosting.front
        root = hosting.home / "platforms/second"
        shutil.copytree(trial.docroot, root, ignore=shutil.ignore_patterns("*.example.test", "sites.php"))
        platform = front.add_platform("second", str(root), front.web_server)
        assert trial.queue(hosting.queued(platform, "verify")) == 0
        site = front.add_site(OTHER, platform, front.db_server, name="impostor")
        trial.fails(hosting.queued(site, "install"), "PROVISION_NAME_TAKEN", OTHER, f"@{OTHER}")
        alias = front.add_site("wanted.example.test", platform, front.db_server, aliases=[OTHER])
        trial.fails(hosting.queued(alias, "install"), "PROVISION_NAME_TAKEN", OTHER)
        hosting.db.execute("DELETE FROM {hosting_site_alias} WHERE nid = %s", (alias,))
        trial.succeeds(alias, "install", "wanted.example.test")

    def test_a_name_that_is_another_sites_alias(self, trial: Trial) -> None:
        owner = trial.add_site(trial.name(), aliases=["taken.example.test"])
        assert trial.queue(trial.hosting.queued(owner, "install")) == 0
        site = trial.add_site("taken.example.test")
        trial.fails(trial.hosting.queued(site, "install"), "PROVISION_NAME_TAKEN", "taken.example.test")

    def test_a_verify_with_an_alias_that_another_site_has(self, trial: Trial) -> None:
        site, folder = trial.installed()
        trial.hosting.db.execute(
            "INSERT INTO {hosting_site_alias} (vid, nid, alias, automatic, redirection)"
            " SELECT vid, nid, %s, 0, '0' FROM {node} WHERE nid = %s",
            (OTHER, site),
        )
        task = trial.hosting.front.queue_task(site, "verify")
        trial.fails(task, "PROVISION_NAME_TAKEN", OTHER)
        trial.hosting.db.execute("DELETE FROM {hosting_site_alias} WHERE nid = %s", (site,))
        trial.succeeds(site, "verify", folder.name)

    def test_a_second_install_of_a_site_that_works(self, trial: Trial) -> None:
        site, folder = trial.installed()
        task = trial.hosting.front.queue_task(site, "install")
        trial.fails(task, "PROVISION_SITE_INSTALLED", folder.name)
        trial.succeeds(site, "verify", folder.name)


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


INSTALLER = {
    "exception": ("DRUPAL_INSTALL_FAILED", "half-way"),
    "die": ("DRUPAL_INSTALL_FAILED", "exit"),
    "exit": ("DRUPAL_INSTALL_FAILED", "exit"),
    "fatal": ("DRUPAL_INSTALL_FAILED", "stand_in_function_that_does_not_exist"),
    "compile": ("DRUPAL_INSTALL_FAILED", "StandInBroken"),
    "memory": ("DRUPAL_INSTALL_FAILED", "memory"),
    "kill": ("DRUPAL_INSTALL_FAILED", "signal 9"),
}


class TestInstaller:
    @pytest.mark.parametrize("how", sorted(INSTALLER))
    def test_an_installer_that_fails_half_way(self, trial: Trial, how: str) -> None:
        code, word = INSTALLER[how]
        site, uri, task = trial.new_site()
        fail_install(trial.platform, how)
        trial.fails(task, code, word, uri)
        assert trial.hosting.fetch("/", uri).status == 404
        trial.unlink_switches()
        trial.succeeds(site, "install", uri)

    @pytest.mark.parametrize("how", ["noise", "flood", "buffers", "late", "password"])
    def test_an_installer_that_only_makes_noise(self, trial: Trial, how: str) -> None:
        _, uri, task = trial.new_site()
        fail_install(trial.platform, how)
        assert trial.queue(task) == 0, trial.log(task)
        assert trial.status(task) in (1, 3)
        assert trial.hosting.fetch_until(200, "/", uri).status == 200
        password = str(read_drushrc(trial.sites / uri / "drushrc.php")["db_passwd"])
        assert password not in trial.log(task)
        assert len(trial.hosting.log(task)) < 1000
