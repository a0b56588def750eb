"""Alias and drushrc files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from provision_py.errors import PhpDataError
from provision_py.php.files import (
    read_aliases,
    read_drushrc,
    read_variables,
    render_alias,
    render_home_drushrc,
    render_platform_drushrc,
    render_site_drushrc,
)
from provision_py.php.values import PhpArray


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def test_only_the_named_variables_that_are_set(tmp_path: Path) -> None:
    path = write(tmp_path, "settings.php", "<?php $a = 1; $b = null; $c = 2;")
    assert read_variables(path, ["b", "a", "no"]) == {"b": None, "a": 1}


def test_given_variables_are_not_changed(tmp_path: Path) -> None:
    given: PhpArray = {"x": {0: "old"}}
    path = write(tmp_path, "settings.php", "<?php $o['x'][0] = 'new'; $y = $o;")
    assert read_variables(path, ["y"], given={"o": given}) == {"y": {"x": {0: "new"}}}
    assert given == {"x": {0: "old"}}


def test_superglobals_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="_SERVER"):
        read_variables(write(tmp_path, "x.php", "<?php"), ["_SERVER"])


@pytest.mark.parametrize("content", [None, "directory"])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "x.php"
    if content:
        path.mkdir()
    with pytest.raises(PhpDataError) as caught:
        read_variables(path, ["a"])
    assert caught.value.where == str(path)
    assert caught.value.hint


def test_without_php_what_is_not_data_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = write(tmp_path, "x.php", "<?php\n$a = 1;\n$b = strtoupper('x');\n")
    with pytest.raises(PhpDataError, match="no PHP") as caught:
        read_variables(path, ["a"])
    assert caught.value.where == f"{path}:3"
    assert "Install" in caught.value.hint


class TestAliases:
    def test_layout(self, tmp_path: Path) -> None:
        record: PhpArray = {"context_type": "site", "aliases": {0: "www.a.test"}, "redirection": False}
        text = render_alias("@a.test", record)
        assert text == (
            "<?php \n$aliases['a.test'] = array (\n  'context_type' => 'site',\n  'aliases' => \n  array (\n"
            "    0 => 'www.a.test',\n  ),\n  'redirection' => false,\n);\n"
        )
        assert read_aliases(write(tmp_path, "a.test.alias.drushrc.php", text)) == {"a.test": record}

    def test_duplicates_go_and_leave_gaps(self, tmp_path: Path) -> None:
        record: PhpArray = {"aliases": {0: "x", 1: "x", 2: "y"}, "other": {0: "x", 1: "x"}}
        found = read_aliases(write(tmp_path, "a.alias.drushrc.php", render_alias("a", record)))
        assert found == {"a": {"aliases": {0: "x", 2: "y"}, "other": {0: "x", 1: "x"}}}

    def test_names_are_quoted(self, tmp_path: Path) -> None:
        name = "it's \\ $x"
        found = read_aliases(write(tmp_path, "a.alias.drushrc.php", render_alias(name, {"uri": name})))
        assert found == {name: {"uri": name}}

    def test_options_alone_are_the_alias_of_the_file(self, tmp_path: Path) -> None:
        path = write(tmp_path, "dev.alias.drushrc.php", "<?php $options['uri'] = 'dev.test';")
        assert read_aliases(path) == {"dev": {"uri": "dev.test"}}

    def test_options_are_defaults_of_the_aliases(self, tmp_path: Path) -> None:
        path = write(
            tmp_path,
            "group.aliases.drushrc.php",
            "<?php $options = ['root' => '/srv', 'os' => 'Linux'];"
            "$aliases['a'] = ['uri' => 'a.test'];"
            "$aliases['b'] = ['uri' => 'b.test', 'root' => '/opt'];",
        )
        assert read_aliases(path) == {
            "a": {"root": "/srv", "os": "Linux", "uri": "a.test"},
            "b": {"root": "/opt", "os": "Linux", "uri": "b.test"},
        }

    @pytest.mark.parametrize("text", ["", "<?php\n", "<?php $other = 1;"])
    def test_no_aliases(self, tmp_path: Path, text: str) -> None:
        assert read_aliases(write(tmp_path, "a.alias.drushrc.php", text)) == {}

    @pytest.mark.parametrize("text", ["<?php $aliases = 'x';", "<?php $aliases['a'] = 'x';"])
    def test_no_arrays(self, tmp_path: Path, text: str) -> None:
        path = write(tmp_path, "a.alias.drushrc.php", text)
        with pytest.raises(PhpDataError, match="no array") as caught:
            read_aliases(path)
        assert caught.value.where == str(path)


class TestDrushrc:
    options: ClassVar[PhpArray] = {
        "db_type": "mysql",
        "db_passwd": "a'b\\",
        "db_name": "d",
        "packages": {},
        "installed": True,
    }

    def test_site(self, tmp_path: Path) -> None:
        text = render_site_drushrc({"context-path": "/x", **self.options, "config-file": "y"}, str(tmp_path))
        lines = [line for line in text.split("\n") if not line.startswith("#")]
        assert lines == [
            "<?php ",
            "",
            "",
            "$options['db_type'] = 'mysql';",
            "$options['db_passwd'] = 'a\\'b\\\\';",
            "$options['db_name'] = 'd';",
            "$options['packages'] = array (",
            ");",
            "$options['installed'] = true;",
            *(
                f"$_SERVER['{name}'] = $options['{name}'];"
                for name in ("db_type", "db_port", "db_host", "db_user", "db_passwd", "db_name")
            ),
            "",
            f"@include_once('{tmp_path}/local.drushrc.php');",
            "",
        ]

    def test_site_with_local_options(self, tmp_path: Path) -> None:
        path = write(tmp_path, "drushrc.php", render_site_drushrc(self.options, str(tmp_path)))
        assert read_drushrc(path) == self.options
        write(tmp_path, "local.drushrc.php", "<?php $options['installed'] = FALSE; $options['mine'] = 1;")
        assert read_drushrc(path) == {**self.options, "installed": False, "mine": 1}
        assert read_drushrc(path, local=False) == self.options

    def test_site_path_is_quoted(self, tmp_path: Path) -> None:
        folder = tmp_path / "it's"
        folder.mkdir()
        path = write(folder, "drushrc.php", render_site_drushrc({}, str(folder)))
        write(folder, "local.drushrc.php", "<?php $options['mine'] = 1;")
        assert read_drushrc(path) == {"mine": 1}

    def test_platform(self, tmp_path: Path) -> None:
        options: ClassVar[PhpArray] = {"sites": {0: "a.test"}, "profiles": {}, "it's": 1}
        text = render_platform_drushrc(options)
        assert text == (
            "<?php \n\n\n$options['sites'] = array (\n  0 => 'a.test',\n);\n$options['profiles'] = array (\n);\n"
            "$options['it\\'s'] = 1;"
        )
        assert read_drushrc(write(tmp_path, "drushrc.php", text)) == options

    def test_home(self, tmp_path: Path) -> None:
        text = render_home_drushrc({"alias": "1", "quota": "0", "ssl": "1"}, {"ssl": "/srv/ssl/drush"})
        path = write(tmp_path, "drushrc.php", text)
        assert read_drushrc(path) == {
            "hosting_features": {"alias": "1", "quota": "0", "ssl": "1"},
            "exclude": {0: "quota"},
            "ignored-modules": {0: "quota"},
            "include": {"ssl": "/srv/ssl/drush"},
        }
        write(tmp_path, "local.drushrc.php", "<?php $options['exclude'] = [];")
        assert read_drushrc(path)["exclude"] == {}

    def test_not_an_array(self, tmp_path: Path) -> None:
        with pytest.raises(PhpDataError, match="no array"):
            read_drushrc(write(tmp_path, "drushrc.php", "<?php $options = 'x';"))


class TestRecordedFiles:
    """Files that the PHP backend wrote, where they lie beside the checkout."""

    def test_alias_files_are_written_byte_for_byte(self, reference: Path) -> None:
        paths = sorted((reference / "home/var/aegir/.drush").glob("*.alias.drushrc.php"))
        assert paths
        for path in paths:
            (name, record), *others = read_aliases(path).items()
            assert not others
            assert render_alias(name, record).encode("utf-8", "surrogateescape") == path.read_bytes(), path

    def test_drushrc_files(self, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))  # all of them are plain data
        home = reference / "home"
        paths = sorted(home.rglob("drushrc.php"))
        assert paths
        for path in paths:
            options = read_drushrc(path)
            text = path.read_bytes().decode("utf-8", "surrogateescape")
            if path.parent.name == "drush":
                assert render_platform_drushrc(options) == text, path
            elif path.parent.name == ".drush":
                features, include = options["hosting_features"], options["include"]
                assert isinstance(features, dict)
                assert isinstance(include, dict)
                written = render_home_drushrc(
                    {str(name): str(state) for name, state in features.items()},
                    {str(name): str(folder) for name, folder in include.items()},
                )
                assert code(written) == code(text), path
            else:
                site_path = "/" + str(path.parent.relative_to(home))
                assert code(render_site_drushrc(options, site_path)) == code(text), path


def code(text: str) -> list[str]:
    """The lines of a file without its comments."""
    return [line for line in text.split("\n") if not line.startswith("#")]
