"""Which files of sites below folders of other hosts have become needless; without a server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from http_contexts import CREDENTIALS, TYPES, server, site

from provision_py.errors import ServiceError
from provision_py.services.http_common import PublicHttp
from provision_py.services.subdirectories import belongs_to, is_for_folders_only, removals, subdirectories

FOLDER = "/srv/subdir.d/b.test"
ORIGINAL = "Alias /x/y/.well-known/acme-challenge /tools\nAlias /x/y /srv/p\n  SetEnv db_name  name\n"
ORIGINAL_NGINX = "location ^~ /x/y {\n  fastcgi_param db_name   name;\n  fastcgi_param  SITE_SUBDIR   x/y;\n}\n"


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("enabled", [True, False])
def test_our_files_say_whose_they_are(kind: type[PublicHttp], enabled: bool) -> None:
    below = site(aliases=("b.test/x/y",), enabled=enabled)
    _, file, vhost = kind(server()).site_files(below, CREDENTIALS)
    assert file.content and vhost.content

    assert belongs_to(file.content, file.path, below.uri, "another")
    assert not belongs_to(file.content, file.path, "other.test", CREDENTIALS.name)
    assert not belongs_to(file.content, file.path.replace("x_y", "copy"), below.uri, CREDENTIALS.name)
    assert not belongs_to(file.content, file.path.replace("b.test", "c.test"), below.uri, CREDENTIALS.name)
    assert is_for_folders_only(vhost.content)


@pytest.mark.parametrize("kind", TYPES)
def test_a_folder_of_the_sites_own_name_needs_no_other_vhost(kind: type[PublicHttp]) -> None:
    files = kind(server()).site_files(site(aliases=("a.test/x",)), CREDENTIALS)
    assert len({file.path for file in files}) == len(files) == 2
    assert "/subdir.d/a.test/" in (files[0].content or "")


@pytest.mark.parametrize("kind", TYPES)
def test_vhosts_of_sites_are_not_there_for_folders(kind: type[PublicHttp]) -> None:
    for one in (site(), replace(site(), enabled=False)):
        assert not is_for_folders_only(kind(server()).site_files(one, CREDENTIALS)[0].content or "")
    assert not is_for_folders_only("")
    assert not is_for_folders_only("server {\n  listen *:80;\n  server_name b.test;\n}\n")


@pytest.mark.parametrize(
    ("text", "name", "database", "expected"),
    [
        (ORIGINAL, "x_y.conf", "name", True),
        (ORIGINAL_NGINX, "x_y.conf", "name", True),
        (ORIGINAL, "x_y.conf", "nam", False),
        (ORIGINAL, "mine.conf", "name", False),
        (ORIGINAL + "SetEnv db_name other\n", "x_y.conf", "name", False),
        ("# By hand, for name\nAlias /x/y /srv/p\n", "x_y.conf", "name", False),
    ],
)
def test_files_of_the_original_are_known_by_folder_and_database(
    text: str, name: str, database: str, expected: bool
) -> None:
    assert belongs_to(text, f"{FOLDER}/{name}", "a.test", database) is expected


def test_a_vhost_that_demands_a_file_keeps_one_without_meaning() -> None:
    demanding = f"<VirtualHost *:80>\n  DocumentRoot /srv/p\n    Include {FOLDER}/*.conf\n</VirtualHost>\n"

    (file,) = removals([f"{FOLDER}/x_y.conf"], [], FOLDER, {"/srv/vhost.d/b.test": demanding}, "a.test")

    assert file.content is not None
    assert all(line.startswith("#") for line in file.content.splitlines())
    assert belongs_to(file.content, file.path, "a.test", "")


def test_a_vhost_that_demands_none_loses_the_folder() -> None:
    for text in ("", f"<VirtualHost *:80>\n  IncludeOptional {FOLDER}/*.conf\n</VirtualHost>\n"):
        (file,) = removals([f"{FOLDER}/x.conf"], [f"{FOLDER}/notes"], FOLDER, {"/srv/vhost.d/b.test": text}, "a.test")
        assert (file.content, file.with_folder) == (None, True)


@pytest.mark.parametrize("kind", TYPES)
def test_a_vhost_for_folders_alone_goes_unless_another_site_comes_to_it(kind: type[PublicHttp]) -> None:
    vhost = kind(server()).site_files(site(aliases=("b.test/x",)), CREDENTIALS)[2]
    mine = f"{FOLDER}/x.conf"

    file, host = removals([mine], [], FOLDER, {vhost.path: vhost.content or ""}, "a.test")

    assert (file.path, file.content, file.with_folder) == (mine, None, True)
    assert (host.path, host.content, host.unless_there) == (vhost.path, None, FOLDER)
    # The site of somebody else needs both.
    (file,) = removals([mine], [f"{FOLDER}/y.conf"], FOLDER, {vhost.path: vhost.content or ""}, "a.test")
    assert (file.path, file.content, file.with_folder) == (mine, None, False)


def test_two_folders_that_would_be_one_file_are_refused() -> None:
    with pytest.raises(ServiceError, match="cannot stand in") as caught:
        subdirectories(site(aliases=("b.test/x/y", "b.test/x_y")))
    assert "same file as b.test/x/y" in caught.value.hint
