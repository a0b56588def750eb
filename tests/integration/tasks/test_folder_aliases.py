"""Sites below a folder of another host: what becomes of their addresses when aliases change or clash."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hosting_system import Hosting

from provision_py.commands.verify_site import verify_site
from provision_py.contexts.model import Site
from provision_py.errors import ContextError, ServiceError

PARENT, OTHER = "one.example.test", "two.example.test"


@pytest.fixture(params=["apache", "nginx"])
def two_sites(request: pytest.FixtureRequest, hosting_on: Callable[..., Hosting]) -> Hosting:
    hosting: Hosting = hosting_on(request.getfixturevalue(request.param), modules={"hosting_alias": 0})
    site, _ = hosting.installed(PARENT)
    platform = int(str(hosting.site_row(site)["platform"]))
    other = hosting.front.add_site(OTHER, platform, hosting.front.db_server)
    assert hosting.run(hosting.queued(other, "install")).status == 1, hosting.said()
    return hosting


def verify(hosting: Hosting, name: str, *aliases: str) -> Site:
    """Save the site with these aliases and verify it."""
    warned_of(hosting, name, *aliases)
    return hosting.session().store.site(name)


def warned_of(hosting: Hosting, name: str, *aliases: str) -> list[str]:
    """Save the site with these aliases and verify it; what it is warned of."""
    said = len(hosting.entries)
    session = hosting.session()
    session.store.save(name, {"aliases": dict(enumerate(aliases))})
    with session.journaled("provision-verify", name):
        verify_site(session, session.store.site(name))
    return [entry.message for entry in hosting.entries[said:] if entry.error == "PROVISION_NAME_TAKEN"]


def config(hosting: Hosting) -> Path:
    return hosting.home / "config/server_master" / hosting.web.application


def shown_at(hosting: Hosting, host: str, path: str) -> str:
    """What answers there: the name of a site, or a status."""
    time.sleep(0.3)  # workers of before a reload answer for a moment
    answer = hosting.fetch(path, host)
    return next((uri for uri in (PARENT, OTHER) if f"| {uri}</title>" in answer.text), str(answer.status))


def files_below(hosting: Hosting) -> list[str]:
    folder = config(hosting) / "subdir.d"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_of_a_site_is_its_own_again_without_the_alias(two_sites: Hosting) -> None:
    vhosts = sorted((config(two_sites) / "vhost.d").iterdir())
    verify(two_sites, OTHER, f"{PARENT}/sub", f"{PARENT}/more", "free.test/a/b")
    assert [shown_at(two_sites, host, path) for host, path in ((PARENT, "/sub/"), ("free.test", "/a/b/"))] == [
        OTHER,
        OTHER,
    ]

    verify(two_sites, OTHER, f"{PARENT}/more")

    assert shown_at(two_sites, PARENT, "/sub/") == PARENT
    assert shown_at(two_sites, PARENT, "/more/") == OTHER
    assert shown_at(two_sites, "free.test", "/a/b/") in ("403", "404")
    assert files_below(two_sites) == [PARENT, f"{PARENT}/more.conf"]
    assert sorted((config(two_sites) / "vhost.d").iterdir()) == vhosts

    verify(two_sites, OTHER)

    assert shown_at(two_sites, PARENT, "/more/") == PARENT
    assert files_below(two_sites) == []


def test_what_others_have_below_a_host_stays(two_sites: Hosting) -> None:
    verify(two_sites, OTHER, "free.test/two")
    verify(two_sites, PARENT, "free.test/one")
    own = config(two_sites) / "subdir.d/free.test/own.conf"
    own.write_text(f"# A copy of {OTHER}, made by hand.\n")

    verify(two_sites, OTHER)

    assert shown_at(two_sites, "free.test", "/one/") == PARENT
    assert shown_at(two_sites, "free.test", "/two/") in ("403", "404")
    assert files_below(two_sites) == ["free.test", "free.test/one.conf", "free.test/own.conf"]


def test_a_verify_that_fails_leaves_the_addresses_as_they_were(
    two_sites: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify(two_sites, OTHER, "free.test/two")
    before = two_sites.tree(".drush")

    def fails(*args: object) -> None:
        raise ServiceError("told to fail")

    with monkeypatch.context() as patch:
        patch.setattr("provision_py.commands.pagecheck.PageCheck.finish", fails)
        with pytest.raises(ServiceError, match="told to fail"):
            verify(two_sites, OTHER)

    after = two_sites.tree(".drush")
    assert {name for name in before if "/apache/" in name or "/nginx/" in name} <= after.keys()
    assert {name for name, entry in before.items() if "subdir.d" in name and after[name] != entry} == set()
    assert shown_at(two_sites, "free.test", "/two/") == OTHER


def test_files_of_the_original_go_too(two_sites: Hosting) -> None:
    site = verify(two_sites, OTHER)
    apache = two_sites.web.application == "apache"
    database = database_of(site)
    port = two_sites.web.port
    folder = config(two_sites) / "subdir.d"
    for host in (PARENT, "free.test"):
        (folder / host).mkdir()
        setting = f"Alias /old {site.root}\nSetEnv db_name  {database}\n"
        if not apache:
            setting = (
                f"location ^~ /old {{\nfastcgi_param db_name   {database};\nfastcgi_param  SITE_SUBDIR  old;\n}}\n"
            )
        (folder / host / "old.conf").write_text(setting)
    included = f"{folder}/free.test/*.conf"
    vhost = f"<VirtualHost *:{port}>\n\n  ServerName free.test\n\n  Include {included}\n\n</VirtualHost>\n"
    if not apache:
        vhost = f"server {{\n  listen        *:{port};\n  server_name   free.test;\n  include       {included};\n}}\n"
    (config(two_sites) / "vhost.d/free.test").write_text(vhost)
    parent = config(two_sites) / f"vhost.d/{PARENT}"
    parent.write_text(parent.read_text().replace("IncludeOptional", "Include"))

    verify(two_sites, OTHER)

    assert not (config(two_sites) / "vhost.d/free.test").exists()
    if apache:  # The vhost of the parent demands a file.
        assert files_below(two_sites) == [PARENT, f"{PARENT}/old.conf"]
        assert (folder / PARENT / "old.conf").read_text().splitlines()[1].startswith("# The vhost of")
        verify(two_sites, PARENT)
        verify(two_sites, OTHER)
    assert files_below(two_sites) == []


def database_of(site: Site) -> str:
    text = (Path(site.site_path) / "drushrc.php").read_text()
    return next(line.split("'")[3] for line in text.splitlines() if "'db_name'" in line)


def test_addresses_that_belong_to_others_are_refused(two_sites: Hosting) -> None:
    verify(two_sites, PARENT, "free.test/x/y")
    before = two_sites.tree(".drush")
    for alias, said in (
        ("free.test/x/y", f"free.test/x/y belongs to @{PARENT}"),
        ("free.test/x_y", f"free.test/x_y belongs to @{PARENT}"),
        (f"{PARENT}/sites", f"@{PARENT} needs the addresses below {PARENT}/sites"),
        (f"{PARENT}/files/x", f"@{PARENT} needs"),
        (f"{PARENT}/index.php", f"@{PARENT} needs"),
    ):
        with pytest.raises(ContextError, match=said) as caught:
            verify(two_sites, OTHER, alias)
        assert caught.value.code == "PROVISION_NAME_TAKEN"
    assert two_sites.tree(".drush") == before
    verify(two_sites, OTHER, "free.test/x", f"{PARENT}/filesystem")


def test_a_folder_that_came_into_the_code_later_is_a_warning(two_sites: Hosting) -> None:
    site = verify(two_sites, OTHER, f"{PARENT}/docs", f"{PARENT}/docs/more")
    hidden = Path(site.root) / "docs"
    hidden.mkdir()

    (said,) = warned_of(two_sites, OTHER, f"{PARENT}/docs", f"{PARENT}/docs/more")

    assert said.startswith(f"{OTHER} is shown at {PARENT}/docs and hides {hidden} from visitors of @{PARENT}")
    assert shown_at(two_sites, PARENT, "/docs/") == OTHER
    verify(two_sites, OTHER)
    with pytest.raises(ContextError, match=f"@{PARENT} needs the addresses below {PARENT}/docs"):
        verify(two_sites, OTHER, f"{PARENT}/docs")


def test_what_drupal_needs_is_not_hidden_where_it_was_before_either(two_sites: Hosting) -> None:
    site = verify(two_sites, OTHER, f"{PARENT}/misc2")
    folder = config(two_sites) / "subdir.d" / PARENT
    for path in (folder / "sites.conf", folder / "files.conf"):
        path.write_text((folder / "misc2.conf").read_text().replace("misc2", path.stem))
        with pytest.raises(ContextError, match=f"@{PARENT} needs"):
            verify(two_sites, OTHER, f"{PARENT}/{path.stem}")
    assert Path(site.root, "sites").is_dir()


def test_the_site_that_has_a_folder_works_on_when_another_gets_the_alias(two_sites: Hosting) -> None:
    verify(two_sites, OTHER, "free.test/x")
    two_sites.session().store.save(PARENT, {"aliases": {0: "free.test/x"}})

    assert warned_of(two_sites, OTHER, "free.test/x") == [
        f"The address free.test/x, where {OTHER} is shown, is an alias of @{PARENT} too. Remove it from one of them"
    ]
    with pytest.raises(ContextError, match=f"free.test/x belongs to @{OTHER}"):
        verify(two_sites, PARENT, "free.test/x")
    assert shown_at(two_sites, "free.test", "/x/") == OTHER
    assert warned_of(two_sites, PARENT) == []
