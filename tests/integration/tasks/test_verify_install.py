"""The main job: servers, platforms and sites from queued tasks to pages that are served."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hosting_system import Hosting

from provision_py.commands.check import check_site
from provision_py.commands.check import run as run_check
from provision_py.commands.checkresults import read_results
from provision_py.commands.sitenamesstep import SetSiteNames
from provision_py.dispatch.commands import hosting_task
from provision_py.errors import TaskError
from provision_py.hostmaster.queue import next_tasks
from provision_py.php.files import read_aliases, read_drushrc
from provision_py.php.sitesphp import read_sites_php
from provision_py.sandbox.platforms import make_platform
from provision_py.sandbox.webserver import WebServer


@pytest.mark.parametrize("web", ["nginx", "apache", "apache_fpm"])
@pytest.mark.parametrize("major", [7, 10])
def test_a_queued_site_is_served(
    hosting_on: Callable[..., Hosting], request: pytest.FixtureRequest, web: str, major: int
) -> None:
    hosting = hosting_on(request.getfixturevalue(web), modules={"hosting_alias": 0})
    aliases = ["www.one.example.test", "*.wild.example.test"]
    site, folder = hosting.installed(major=major, aliases=aliases)
    page = hosting.fetch_until(200)
    assert page.status == 200
    assert f'content="Drupal {major} (' in page.text
    assert hosting.fetch_until(200, "/", "www.one.example.test").status == 200
    assert hosting.fetch_until(200, "/", "any.wild.example.test").status == 200
    assert hosting.fetch("/", "unknown.example.test").status == 404
    assert hosting.fetch("/sites/one.example.test/settings.php").status in (403, 404)
    row = hosting.site_row(site)
    assert (row["status"], row["db_name"]) == (1, "oneexampletest")
    assert int(str(row["verified"])) > 0
    assert row["cron_key"]
    assert "oneexampletest" in hosting.databases()
    assert {user for user, _ in hosting.accounts()} >= {"oneexampletest"}
    assert (hosting.home / "clients/admin/one.example.test").resolve() == folder


@pytest.mark.parametrize("major", [8, 9, 11])
def test_other_versions_of_drupal(hosting: Hosting, major: int) -> None:
    hosting.installed(major=major)
    page = hosting.fetch_until(200)
    assert page.status == 200
    assert f'content="Drupal {major} (' in page.text


def test_a_composer_built_platform_with_its_docroot_in_a_subfolder(hosting: Hosting) -> None:
    platform, docroot = hosting.prepared(10, docroot="web")
    site = hosting.front.add_site("one.example.test", platform, hosting.front.db_server)
    assert hosting.run(hosting.queued(site, "install")).status == 1, hosting.said()
    assert (docroot / "sites/one.example.test/settings.php").exists()
    assert hosting.fetch_until(200).status == 200
    record = read_aliases(hosting.installation.drush_dir / "one.example.test.alias.drushrc.php")["one.example.test"]
    assert record["root"] == str(docroot)


def test_files_of_a_site_have_the_modes_of_the_original(hosting: Hosting) -> None:
    _, folder = hosting.installed()
    modes = {name: (folder / name).stat().st_mode & 0o7777 for name in ("settings.php", "drushrc.php", "files", ".")}
    assert modes == {"settings.php": 0o440, "drushrc.php": 0o440, "files": 0o2775, ".": 0o755}
    alias = hosting.installation.drush_dir / "one.example.test.alias.drushrc.php"
    assert alias.stat().st_mode & 0o7777 == 0o440


def test_php_provision_finds_what_it_needs_to_take_over_again(hosting: Hosting) -> None:
    _, folder = hosting.installed()
    options = read_drushrc(folder / "drushrc.php")
    assert set(options) >= {
        "db_type",
        "db_host",
        "db_port",
        "db_passwd",
        "db_name",
        "db_user",
        "installed",
        "packages",
    }
    shown = "[$_SERVER['db_name'], $options['installed'], count($options['packages'])]"
    code = f"include $argv[1]; echo json_encode({shown});"
    done = subprocess.run(
        ["php", "-n", "-r", code, "--", str(folder / "drushrc.php")], capture_output=True, text=True, check=True
    )
    assert done.stdout == '["oneexampletest",true,4]'
    platform = read_drushrc(folder.parent / "all/drush/drushrc.php")
    assert set(platform) == {"sites", "profiles", "packages"}


def test_no_password_is_in_a_log_or_a_file_that_others_can_read(hosting: Hosting) -> None:
    _, folder = hosting.installed()
    password = str(read_drushrc(folder / "drushrc.php")["db_passwd"])
    messages = [str(row["message"]) for row in hosting.db.rows("SELECT message FROM {hosting_task_log}")]
    assert messages
    assert not [message for message in messages if password in message]
    assert password not in hosting.said()
    for path in hosting.home.rglob("*"):
        if path.is_file() and not path.is_symlink() and password.encode() in path.read_bytes():
            closed = any(not parent.stat().st_mode & 0o005 for parent in (path, *path.parents) if parent != Path("/"))
            assert closed, f"{path} can be read by everybody"


def test_credentials_are_in_the_settings_where_the_web_server_is_not_to_hide_them(hosting: Hosting) -> None:
    site, folder = hosting.installed()
    password = str(read_drushrc(folder / "drushrc.php")["db_passwd"])
    for cloaking in (True, "no", "yes", False):
        hosting.session().store.save("server_master", {"provision_db_cloaking": cloaking})
        assert hosting.run(hosting.front.queue_task(site, "verify")).status == 1, hosting.said()
        assert (password in (folder / "settings.php").read_text()) is (cloaking in ("no", False)), cloaking


def test_verify_again_changes_nothing_and_keeps_the_salt(hosting: Hosting) -> None:
    site, folder = hosting.installed()
    before = {name: entry for name, entry in hosting.tree().items() if "/files/" not in name}
    assert hosting.run(hosting.front.queue_task(site, "verify")).status == 1, hosting.said()
    after = {name: entry for name, entry in hosting.tree().items() if "/files/" not in name}
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= {f"platforms/drupal10/sites/{folder.name}/drushrc.php"}


def test_the_login_link_works_once(hosting: Hosting) -> None:
    hosting.installed(major=7)
    texts = [entry.text for entry in hosting.entries] + [str(r["message"]) for r in hosting.db.rows(
        "SELECT message FROM {hosting_task_log}")]  # fmt: skip
    found = [match for text in texts for match in re.findall(r"http://[^ ]+/user/reset/\S+", text)]
    assert found
    link = urlsplit(found[0])
    assert link.netloc == f"one.example.test:{hosting.web.port}"


def test_a_platform_verify_finds_packages_and_sites(hosting: Hosting) -> None:
    site, folder = hosting.installed()
    platform = int(str(hosting.site_row(site)["platform"]))
    found = folder.parent / "found.example.test"
    found.mkdir()
    (found / "settings.php").write_text("<?php\n")
    assert hosting.run(hosting.front.queue_task(platform, "verify")).status == 1, hosting.said()
    titles = {str(row["title"]) for row in hosting.db.rows("SELECT title FROM {node} WHERE type = 'site'")}
    assert "found.example.test" in titles
    rows = hosting.db.rows("SELECT * FROM {hosting_package_instance} WHERE rid = %s", (platform,))
    assert len(rows) >= 5
    assert (found / "settings.php").read_text() == "<?php\n"


def test_a_changed_alias_and_redirection_reach_the_web_server_by_a_verify(
    hosting_on: Callable[..., Hosting], nginx: WebServer
) -> None:
    hosting = hosting_on(nginx, modules={"hosting_alias": 0})
    site, _ = hosting.installed(aliases=["old.example.test"])
    vid = hosting.site_row(site)["vid"]
    hosting.db.execute(
        "UPDATE {hosting_site_alias} SET alias = 'new.example.test', redirection = 'new.example.test' WHERE vid = %s",
        (vid,),
    )
    assert hosting.run(hosting.front.queue_task(site, "verify")).status == 1, hosting.said()
    assert hosting.fetch_until(200, "/", "new.example.test").status == 200
    moved = hosting.fetch_until(301, "/node/1?x=y", "one.example.test")
    assert (moved.status, moved.headers["location"]) == (
        301,
        "http://new.example.test/node/1?x=y",
    )
    assert hosting.fetch_until(404, "/", "old.example.test").status == 404


def test_the_queue_runs_in_worker_processes_side_by_side(hosting: Hosting) -> None:
    platform, _ = hosting.prepared()
    sites = [
        hosting.front.add_site(f"s{number}.example.test", platform, hosting.front.db_server) for number in range(4)
    ]
    results = hosting.run_queue()
    assert set(results.values()) == {0}, hosting.db.rows("SELECT message FROM {hosting_task_log} WHERE type='error'")
    for number, site in enumerate(sites):
        assert hosting.site_row(site)["status"] == 1
        assert hosting.fetch_until(200, "/", f"s{number}.example.test").status == 200
    assert hosting.db.rows("SELECT * FROM {semaphore}") == []


def test_tasks_that_only_provision_can_run_stay_queued(hosting: Hosting) -> None:
    site, _ = hosting.installed()
    backup = hosting.front.queue_task(site, "backup")
    verify = hosting.front.queue_task(site, "verify")
    platform = hosting.front.queue_task(int(str(hosting.site_row(site)["platform"])), "verify")
    results = hosting.run_queue()
    assert results.pop(platform) == 0
    assert {backup, verify}.isdisjoint(results), "a verify does not overtake the backup that was queued before it"
    states = {task.nid: task.status for task in hosting.front.tasks()}
    assert (states[backup], states[verify], states[platform]) == (0, 0, 1)
    with pytest.raises(TaskError, match="not supported") as caught:
        hosting.run(backup)
    assert caught.value.code == "PROVISION_UNSUPPORTED_TASK"
    assert {task.nid: task.status for task in hosting.front.tasks()}[backup] == 0


@pytest.mark.parametrize("major", [7, 10])
def test_the_owner_is_told_by_mail_how_to_log_in(hosting: Hosting, tmp_path: Path, major: int) -> None:
    hosting.db.execute("UPDATE {users} SET mail = 'owner@example.test' WHERE uid = 1")
    php = hosting.home / "php"
    php.write_text(f'#!/bin/sh\nexec php -d sendmail_path="tee -a {tmp_path}/mail" "$@"\n')
    php.chmod(0o755)
    (hosting.installation.drush_dir / "drushrc.php").write_text(f"<?php\n$options['provision_php'] = '{php}';\n")
    hosting.installed(major=major)
    mail = (tmp_path / "mail").read_text()
    assert "To: owner@example.test" in mail
    assert "Subject: one.example.test is ready" in mail
    assert re.search(r"http://one\.example\.test:\d+/user/reset/1/\S+/login", mail)
    assert any("Mailed the login link to owner@example.test" in entry.text for entry in hosting.entries)


def test_undoing_one_site_keeps_what_its_neighbours_wrote_into_sites_php(
    hosting_on: Callable[..., Hosting], nginx: WebServer
) -> None:
    hosting = hosting_on(nginx, modules={"hosting_alias": 0})
    _, folder = hosting.installed(aliases=["www.one.example.test"])
    session = hosting.session()
    path = folder.parent / "sites.php"
    step = SetSiteNames("server_master", str(path), {"late.example.test": folder.name}, hosting.home / "lock")
    with pytest.raises(TaskError, match="on purpose"), session.journaled("test", "one.example.test"):
        session.run(step)
        neighbour = SetSiteNames("server_master", str(path), {"two.example.test": "two"}, hosting.home / "lock")
        hosting_session = hosting.session()
        with hosting_session.journaled("test", "two.example.test"):
            hosting_session.run(neighbour)
        raise TaskError("on purpose")
    known = read_sites_php(path)
    assert known == {"www.one.example.test": "one.example.test", "two.example.test": "two"}


def test_installs_whose_databases_want_the_same_name_share_none(hosting: Hosting) -> None:
    platform, _ = hosting.prepared()
    names = ["a-b.example.test", "ab.example.test", "a.b.example.test", "a.b-example.test"]
    sites = [hosting.front.add_site(name, platform, hosting.front.db_server) for name in names]
    assert set(hosting.run_queue().values()) == {0}
    databases = {str(hosting.site_row(site)["db_name"]) for site in sites}
    assert len(databases) == len(names)
    assert databases <= hosting.databases()


def test_a_platform_is_verified_before_a_site_is_installed_on_it(hosting: Hosting) -> None:
    front = hosting.front
    server, db_server = front.queue_task(front.web_server, "verify"), front.queue_task(front.db_server, "verify")
    make_platform(hosting.home / "platforms/new", 10)
    platform = front.add_platform("New", str(hosting.home / "platforms/new"), front.web_server)
    site = front.add_site("one.example.test", platform, front.db_server)
    verify, install = hosting.queued(platform, "verify"), hosting.queued(site, "install")
    assert {task.nid for task in next_tasks(hosting.db, 10)} == {server, db_server}
    results = hosting.run_queue()
    assert [results[nid] for nid in (server, db_server, verify, install)] == [0, 0, 0, 0]
    assert hosting.fetch_until(200).status == 200


def test_a_task_that_only_provision_can_run_is_not_even_queued_by_command(hosting: Hosting) -> None:
    site, _ = hosting.installed()
    before = len(hosting.front.tasks())
    with pytest.raises(TaskError, match="not supported"):
        hosting_task(hosting.session(), hosting.installation.settings, ["@one.example.test", "backup"], {})
    assert len(hosting.front.tasks()) == before
    assert hosting_task(hosting.session(), hosting.installation.settings, ["@one.example.test", "verify"], {}) == 0
    assert len(hosting.front.tasks()) == before + 1
    assert hosting.site_row(site)["status"] == 1


def test_check_says_what_is_wrong_with_a_served_site(hosting: Hosting) -> None:
    _, folder = hosting.installed()
    assert hosting.fetch_until(200).status == 200
    session = hosting.session()
    site = session.store.site("one.example.test")
    (state,) = check_site(session, site)
    assert (state.problems, state.server) == ((), "server_master")
    assert state.title
    run_check(session, site, [], {})
    assert read_results(session.state)[0]["one.example.test"].state == "ok"
    options = read_drushrc(folder / "drushrc.php")
    hosting.database.query("ALTER USER %s@%s IDENTIFIED BY 'another'", (options["db_user"], "localhost"))
    (state,) = check_site(session, site)
    assert any("the database refuses the site" in problem for problem in state.problems)
    assert str(options["db_passwd"]) not in str(state)
    assert any("it answers 500" in problem for problem in state.problems), state.problems
