"""A site's name is not installed on one platform while it is on another: it would lose its vhost."""

from __future__ import annotations

import shutil

import pytest
from trials import Trial


@pytest.fixture(scope="module")
def second(shared_trial: Trial) -> tuple[int, str]:
    """Another platform with the same code: its node id and its context, with ``@``."""
    hosting, front = shared_trial.hosting, shared_trial.hosting.front
    root = hosting.home / "platforms/elsewhere"
    shutil.copytree(shared_trial.docroot, root, ignore=shutil.ignore_patterns("*.example.test", "sites.php"))
    platform = front.add_platform("elsewhere", str(root), front.web_server)
    assert shared_trial.queue(hosting.queued(platform, "verify")) == 0
    return platform, f"@{front.context(platform)}"


def move_in_the_front_end(trial: Trial, site: int, platform: int) -> None:
    trial.hosting.db.execute("UPDATE {hosting_site} SET platform = %s WHERE nid = %s", (platform, site))


def test_by_the_command_line(trial: Trial, second: tuple[int, str]) -> None:
    site, folder = trial.installed()
    uri, first = folder.name, f"@{trial.hosting.front.context(trial.platform_nid)}"
    page = trial.hosting.fetch_until(200, "/", uri).text
    before = trial.before()
    assert trial.program("provision-save", f"@{uri}", f"--platform={second[1]}")[0] == 0
    status, said = trial.program(f"@{uri}", "provision-install")
    assert status == 1
    assert "PROVISION_SITE_INSTALLED" in said
    assert str(folder) in said
    trial.unchanged(before)
    assert trial.hosting.fetch("/", uri).text == page
    assert trial.program("provision-save", f"@{uri}", f"--platform={first}")[0] == 0
    trial.succeeds(site, "verify", uri)


def test_by_the_queue(trial: Trial, second: tuple[int, str]) -> None:
    site, folder = trial.installed()
    move_in_the_front_end(trial, site, second[0])
    task = trial.hosting.front.queue_task(site, "install")
    trial.fails(task, "PROVISION_SITE_INSTALLED", str(folder), "another platform")
    assert trial.hosting.site_row(site)["status"] == 1
    move_in_the_front_end(trial, site, trial.platform_nid)
    trial.succeeds(site, "verify", folder.name)


def test_a_platform_that_only_a_vhost_tells_of(trial: Trial, second: tuple[int, str]) -> None:
    """As after its context was removed; the site is served all the same."""
    site, folder = trial.installed()
    first = trial.hosting.front.context(trial.platform_nid)
    alias = trial.hosting.installation.drush_dir / f"{first}.alias.drushrc.php"
    kept = alias.read_bytes()
    assert trial.program("provision-save", f"@{folder.name}", f"--platform={second[1]}")[0] == 0
    alias.unlink()
    status, said = trial.program(f"@{folder.name}", "provision-install")
    alias.write_bytes(kept)
    assert status == 1
    assert "PROVISION_SITE_INSTALLED" in said
    assert str(folder) in said
    trial.succeeds(site, "verify", folder.name)


def test_what_a_site_leaves_behind_does_not_keep_its_name(trial: Trial, second: tuple[int, str]) -> None:
    """Uploads without settings, and a vhost that leads to nothing."""
    site, folder = trial.installed()
    for name in ("settings.php", "drushrc.php"):
        (folder / name).unlink()
    assert (folder / "files").is_dir()
    move_in_the_front_end(trial, site, second[0])
    trial.succeeds(site, "install", folder.name)


def test_what_is_left_in_the_sites_own_folder_is_on_no_other_platform(trial: Trial) -> None:
    """A drushrc.php without settings is what a removal that was cut off leaves."""
    site, folder = trial.installed()
    (folder / "settings.php").unlink()
    trial.succeeds(site, "install", folder.name)
