"""Contexts that cannot be read and names that cannot be: a task says so in its log and leaves all as it was."""

from __future__ import annotations

import shutil

import pytest
from damaged_files import alias_file, changed, moved
from trials import OTHER, Trial

from tests.modes import mode_of


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
