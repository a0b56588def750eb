"""Whatever stands in an alias file by somebody's hand goes through loading and saving unchanged."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provision_py.contexts.store import ContextStore
from provision_py.php.files import render_alias
from provision_py.php.keys import string_key
from provision_py.php.values import PhpArray, PhpValue
from provision_py.services.catalog import Catalog

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
keys = st.one_of(st.integers(-5, 99), texts.map(string_key))
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), texts)
values: st.SearchStrategy[PhpValue] = st.recursive(
    scalars, lambda inner: st.dictionaries(keys, inner, max_size=4), max_leaves=8
)
extras = st.dictionaries(texts.map(lambda text: f"x-{text}"), values, max_size=5)


@given(extras)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_foreign_keys_survive(catalog: Catalog, extra: PhpArray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = ContextStore(Path(folder), catalog, home="/var/aegir", user="aegir")
        store.save("server_master", {"context_type": "server"})
        record = store.record("server_master")
        path = Path(folder) / "server_master.alias.drushrc.php"
        path.unlink()
        path.write_bytes(render_alias("server_master", {**extra, **record}).encode("utf-8", "surrogateescape"))
        assert store.server("server_master").extra == extra
        store.save("server_master", {"admin_email": "me@example.test"})
        after = store.record("server_master")
        assert {key: after[key] for key in extra} == extra
        assert list(after) == [*record, *extra]
        assert after["admin_email"] == "me@example.test"


@given(st.dictionaries(st.sampled_from(["remote_host", "admin_email", "master_url", "ip_addresses"]), values))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_saving_what_was_saved_changes_nothing(catalog: Catalog, options: dict[str, PhpValue]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = ContextStore(Path(folder), catalog, home="/var/aegir", user="aegir")
        store.save("server_master", {"context_type": "server"})
        path = Path(folder) / "server_master.alias.drushrc.php"
        before = path.read_bytes()
        try:
            saved = store.save("server_master", options)
        except Exception as error:
            assert getattr(error, "code", "").startswith("PROVISION_"), error
            assert path.read_bytes() == before
            return
        content = path.read_bytes()
        assert store.server("server_master") == saved
        store.save("server_master", {})
        assert path.read_bytes() == content
