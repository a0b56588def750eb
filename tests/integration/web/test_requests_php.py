"""What PHP gets to see, and the server's own test of what we render."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provision_py.errors import ProcessError
from web.hosting import AWKWARD_PASSWORD, Hosting


def test_php_gets_the_bare_credentials(hosting: Hosting) -> None:
    seen = json.loads(hosting.web.fetch("/", host="seven.test").text)["credentials"]

    assert seen == {
        "db_type": "mysql",
        "db_name": "seventest",
        "db_user": "seventest@cloud",
        "db_passwd": AWKWARD_PASSWORD,
        "db_host": "db.test",
        "db_port": "3307",
    }


def test_each_site_gets_its_own_credentials(hosting: Hosting) -> None:
    names = {
        host: json.loads(hosting.web.fetch("/", host=host).text)["credentials"]["db_name"]
        for host in ("seven.test", "www.seven.test", "ten.test", "www.moved.test", "own.test")
    }

    assert names == {
        "seven.test": "seventest",
        "www.seven.test": "seventest",
        "ten.test": "tentest",
        "www.moved.test": "movedtest",
        "own.test": "owntest",
    }


def test_a_proxy_header_does_not_reach_php(hosting: Hosting) -> None:
    answer = hosting.web.fetch("/", host="seven.test", headers={"Proxy": "http://evil.test"})

    assert json.loads(answer.text)["proxy"] == ""


def test_php_sees_the_port_that_the_visitor_named(hosting: Hosting) -> None:
    assert json.loads(hosting.web.fetch("/", host="seven.test:8080").text)["host"] == "seven.test:8080"


def test_php_gets_what_is_posted(hosting: Hosting) -> None:
    answer = hosting.web.fetch("/node/add", host="ten.test", method="POST", body=b"title=x&body=y")

    assert json.loads(answer.text)["posted"] == "title=x&body=y"


def test_the_configuration_passes_its_own_test(hosting: Hosting) -> None:
    command = hosting.service.test_command()

    assert command is not None
    assert command[-1] in ("configtest", "-t")
    assert hosting.host.run(command).returncode == 0


def test_a_broken_vhost_is_found_by_the_test(hosting: Hosting) -> None:
    command = hosting.service.test_command()
    assert command is not None
    broken = Path(hosting.service.server.config_path) / hosting.web.application / "vhost.d" / "broken.test"
    broken.write_text("this is { no configuration")
    try:
        with pytest.raises(ProcessError):
            hosting.host.run(command)
    finally:
        broken.unlink()
