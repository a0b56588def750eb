"""Options of provision-save that are nearly a property: people hear of them, programs do not."""

from __future__ import annotations

import os
import pty
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from provision_py.commands.save import known_properties, misspelt
from provision_py.contexts.model import Server
from provision_py.contexts.store import ContextStore
from provision_py.services.catalog import Catalog
from provision_py.services.plugins import Plugins

#: What drush and the front end hand on to every command, or to others than this one.
FORWARDED = (
    "backend", "strict", "yes", "root", "uri", "php", "verbose", "user", "client_email", "new_db_server", "old_uri",
    "target_name", "working-copy", "invoke", "force", "ignored-modules", "packages", "fork", "items",
    "provision_save_config", "provision_db_cloaking", "server_data", "site_data", "delete", "from-json",
)  # fmt: skip


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    store = ContextStore(tmp_path_factory.mktemp("drush"), Catalog.from_plugins(Plugins.load()))
    return known_properties(store, Server("server_x", "x.test", "/var/aegir", "aegir", extra={"site_note": 1}))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("alias", "aliases"),
        ("redirecton", "redirection"),
        ("platfrom", "platform"),
        ("webserver", "web_server"),
        ("site-enabled", "site_enabled"),
        ("ssl_enable", "ssl_enabled"),
        ("drush_alias", "drush_aliases"),
        ("phpfpm_sockt", "phpfpm_socket"),
        ("site_notes", "site_note"),
    ],
)
def test_what_is_nearly_a_property(known: frozenset[str], name: str, meant: str) -> None:
    assert misspelt([name, meant], known) == {name: meant}


def test_what_others_hand_on_is_no_mistake(known: frozenset[str]) -> None:
    assert misspelt([*FORWARDED, *known, "bogus"], known) == {}


def call(home: Path, *words: str, stderr: int) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "provision_py.cli.main", "provision-save", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "NO_COLOR": "1"},
        check=True,
    )


def test_it_is_said_at_a_terminal_alone(tmp_path: Path) -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    words = ["@server_master", "--context_type=server", f"--script_user={me}", "--admin_emial=a@b.test", "--bogus=1"]
    assert b"admin_emial" not in call(tmp_path, *words, stderr=subprocess.PIPE).stderr
    ours, theirs = pty.openpty()
    call(tmp_path, *words, stderr=theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    os.close(theirs)
    assert "Stored the context @server_master" in said
    assert "--admin_emial is not known and was passed over. Did you mean --admin_email?" in said
    assert "bogus" not in said
