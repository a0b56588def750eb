"""Code that is missing or broken, and installers that fail: a task says so in its log and leaves nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from damaged_files import changed, moved
from trials import Trial

from provision_py.php.files import read_drushrc
from provision_py.sandbox.platforms import fail_install
from tests.modes import mode_of


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
            assert "chmod u+rwx" in said
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
