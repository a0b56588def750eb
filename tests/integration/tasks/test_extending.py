"""The package of docs/extending.md: built from the page, found as pip would leave it, and at work."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosting_system import Hosting

from provision_py.contexts.model import Server
from provision_py.services.plugins import Plugins

PAGE = Path(__file__).resolve().parents[3] / "docs" / "extending.md"
_FILE = re.compile(r"`((?:provision_example/)?\w+\.(?:toml|py))`:\n\n```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example, installed for this test: a wheel's content lies in the folder of the packages as it is."""
    source, installed = tmp_path / "provision-py-example", tmp_path / "site-packages"
    files = dict(_FILE.findall(PAGE.read_text(encoding="utf-8")))
    assert len(files) == 4, "the files of the page are not found"
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "dist")]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    monkeypatch.syspath_prepend(str(installed))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "provision_example"]:
        del sys.modules[name]


def test_the_example_works_as_the_page_says(package: None, hosting: Hosting) -> None:
    hosting.plugins = Plugins.load()
    site, folder = hosting.installed()
    assert "search_server" not in (folder / "settings.php").read_text()
    options = {"search_service_type": "solr", "search_port": "8984"}
    master = hosting.session().store.save("@server_master", options)
    assert isinstance(master, Server)
    assert hosting.run(hosting.front.queue_task(site, "verify")).status == 1, hosting.said()
    assert f"$conf['search_server'] = '{master.remote_host}:8984';" in (folder / "settings.php").read_text()

    before = hosting.site_row(site)
    task = hosting.front.queue_task(site, "noindex")
    assert hosting.run_queue()[task] == 0, hosting.log(task)
    assert [row["type"] for row in hosting.log(task)].count("success") == 1
    assert hosting.fetch("/robots.txt").text == "User-agent: *\nDisallow: /\n"
    assert hosting.site_row(site) == before


def test_a_task_of_the_example_that_fails_is_undone(package: None, hosting: Hosting) -> None:
    hosting.plugins = Plugins.load()
    site, folder = hosting.installed()
    (folder / "files/robots.txt").mkdir()
    task = hosting.front.queue_task(site, "noindex")
    assert hosting.run_queue()[task] == 1
    assert hosting.errors(task) == ["PROVISION_SYSTEM"]
    assert list((folder / "files/robots.txt").iterdir()) == []
