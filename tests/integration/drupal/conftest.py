"""Sites on stand-in platforms and on real code bases, with a database of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from bridge_sites import PASSWORD, URI, BridgeSite, MakeSite, Page, Serve

from provision_py.drupal.model import Credentials
from provision_py.sandbox import programs
from provision_py.sandbox.base import free_port
from provision_py.sandbox.mariadb import DatabaseServer, quoted
from provision_py.sandbox.platforms import make_platform
from provision_py.sandbox.processes import launch, terminate
from provision_py.system.host import Secret

#: Every major version, in both layouts where it has two.
SHAPES = [(7, ""), (8, ""), (9, "web"), (10, ""), (10, "docroot"), (11, "web")]


@pytest.fixture
def credentials(mariadb: DatabaseServer, database: str) -> Iterator[Credentials]:
    """A user of one empty database, with a password that is hard to quote."""
    name = f"u{secrets.token_hex(6)}"
    mariadb.query(f"CREATE USER {quoted(name)}@'%%' IDENTIFIED BY %s", [PASSWORD])
    mariadb.query(f"GRANT ALL ON {quoted(database)}.* TO {quoted(name)}@'%'")
    yield Credentials(mariadb.host, mariadb.port, database, name, Secret(PASSWORD))
    mariadb.query(f"DROP USER {quoted(name)}@'%'")


@pytest.fixture
def make_site(mariadb: DatabaseServer, credentials: Credentials) -> Iterator[MakeSite]:
    """Makes the folder of a site on a code base, and removes it again."""
    try:
        programs.find(programs.PHP)
    except programs.MissingProgramError as missing:
        if os.environ.get("CI", "").lower() not in ("", "0", "false", "no"):
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
    made: list[Path] = []

    def make(docroot: Path, major: int, version: str) -> BridgeSite:
        site = BridgeSite(docroot, major, version, credentials, mariadb, uri=f"{secrets.token_hex(4)}.{URI}")
        made.append(site.folder)
        for folder in ("files", "private/files", "private/temp", "private/config/sync"):
            (site.folder / folder).mkdir(parents=True)
        site.write_settings()
        # From Drupal 8 on, sites beside "default" are looked for only where this file is.
        names = docroot / "sites/sites.php"
        if not names.exists():
            names.write_text("<?php\n$sites = [];\n")
            made.append(names)
        return site

    yield make
    for path in made:
        if path.is_dir():
            path.chmod(0o755)
            shutil.rmtree(path)
        else:
            path.unlink()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a docroot with PHP's own web server; gives a function that asks for a path of the site."""
    servers = []

    def start(site: BridgeSite) -> Callable[..., Page]:
        port = free_port()
        argv = [
            programs.find(programs.PHP),
            "-d",
            "display_errors=0",
            "-d",
            "opcache.enable=0",
            "-S",
            f"127.0.0.1:{port}",
            "-t",
            str(site.docroot),
        ]
        server = launch(argv, log=site.docroot.parent / "php-server.log")
        servers.append(server)

        def get(path: str, host: str = site.uri) -> Page:
            for _attempt in range(100):
                with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                    try:
                        connection.request("GET", path, headers={"Host": host})
                    except ConnectionRefusedError:
                        assert server.is_running()
                        time.sleep(0.05)
                        continue
                    answer = connection.getresponse()
                    return Page(answer.status, dict(answer.headers), answer.read().decode(errors="replace"))
            raise AssertionError("PHP's web server does not answer")

        return get

    yield start
    terminate(servers)


@pytest.fixture(params=SHAPES, ids=lambda shape: f"{shape[0]}{'-' + shape[1] if shape[1] else ''}")
def site(request: pytest.FixtureRequest, tmp_path: Path, make_site: MakeSite) -> BridgeSite:
    """A site of each major version in each layout, not installed."""
    major, docroot = request.param
    platform = make_platform(tmp_path / "platform", major, docroot=docroot, modules=["helper"])
    return make_site(platform.docroot, major, platform.version)


@pytest.fixture(params=[7, 10])
def either(request: pytest.FixtureRequest, tmp_path: Path, make_site: MakeSite) -> BridgeSite:
    """A site of each family, for what the versions of a family share."""
    platform = make_platform(tmp_path / "platform", request.param)
    return make_site(platform.docroot, platform.major, platform.version)
