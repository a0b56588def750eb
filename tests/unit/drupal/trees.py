"""Small code bases, written to disk as each major version of Drupal lays them out."""

from __future__ import annotations

from pathlib import Path

VERSIONS = {7: "7.105", 8: "8.9.20", 9: "9.5.11", 10: "10.3.6", 11: "11.1.0"}
DOCROOTS = {7: "", 8: "", 9: "docroot", 10: "web", 11: "web"}


def write(root: Path, files: dict[str, str | bytes]) -> None:
    """Write files, given by paths relative to ``root``."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def core(root: Path, major: int, version: str | None = None, docroot: str | None = None) -> Path:
    """The least that is recognised as a Drupal of this major version; returns the docroot."""
    version = version or VERSIONS[major]
    top = root / (DOCROOTS[major] if docroot is None else docroot)
    write(top, {"index.php": "<?php\n", "sites/default/default.settings.php": "<?php\n"})
    if major < 8:
        write(top, {"includes/bootstrap.inc": bootstrap_inc(version)})
    else:
        write(top, {"core/lib/Drupal.php": drupal_php(version)})
    return top


def bootstrap_inc(version: str) -> str:
    return f"<?php\n/** The version. */\ndefine('VERSION', '{version}');\ndefine('DRUPAL_MINIMUM_PHP', '5.2.4');\n"


def drupal_php(version: str) -> str:
    return f"<?php\nclass Drupal {{\n  const CORE_COMPATIBILITY = '8.x';\n  const VERSION = '{version}';\n}}\n"


def module(
    major: int, name: str, *, info: str = "", install: str | None = None, title: str | None = None, version: str = ""
) -> dict[str, str]:
    """Files of a module, by paths relative to the folder that holds modules."""
    title = title or name.capitalize()
    if major < 8:
        text = f"name = {title}\ncore = 7.x\n" + (f"version = {version}\n" if version else "") + info
        files = {f"{name}/{name}.info": text, f"{name}/{name}.module": "<?php\n"}
    else:
        text = f"name: {title}\ntype: module\n" + (f"version: '{version}'\n" if version else "") + info
        files = {f"{name}/{name}.info.yml": text}
    if install is not None:
        files[f"{name}/{name}.install"] = install
    return files


def below(folder: str, files: dict[str, str]) -> dict[str, str | bytes]:
    return {f"{folder}/{name}": content for name, content in files.items()}


def updates(name: str, *numbers: int) -> str:
    return "<?php\n" + "".join(f"\nfunction {name}_update_{number}() {{\n  return 1;\n}}\n" for number in numbers)


def platform(root: Path, major: int, version: str | None = None) -> Path:
    """A small code base with core modules, a theme, profiles and contributed packages; returns the docroot."""
    top = core(root, major, version)
    if major < 8:
        _platform_7(top)
    else:
        _platform_8(top, major)
    return top


def _platform_7(top: Path) -> None:
    write(
        top,
        {
            **below("modules", module(7, "node", version="VERSION", install=updates("node", 7000, 7016, 7004))),
            **below("modules", module(7, "block", version="VERSION")),
            **below("modules", module(7, "node_test", info="hidden = TRUE\n")),
            "modules/README.module": "not a module: it has no info file",
            "themes/bartik/bartik.info": 'name = Bartik\nversion = VERSION\nstylesheets[all][] = "css/a.css"\n',
            "themes/plain/plain.info": "name = Plain\n",
            "profiles/standard/standard.info": "name = Standard\nversion = VERSION\ndependencies[] = block\n",
            "profiles/standard/translations/standard-7.0.de.po": "",
            "profiles/standard/modules/extra/translations/extra.pt-br.po": "",
            "profiles/standard/modules/extra/general.po": "",
            **below("profiles/standard/modules", module(7, "extra", version="7.x-1.0")),
            "profiles/minimal/minimal.info": "name = Minimal\n",
            "profiles/testing/testing.info": "name = Testing\nhidden = TRUE\n",
            **below("sites/all/modules/contrib", module(7, "views", version="7.x-3.29")),
            **below("sites/all/modules", module(7, "unversioned")),
            **below("sites/all/modules", module(7, "block", version="7.x-9.9", title="Better Block")),
        },
    )


def _platform_8(top: Path, major: int) -> None:
    first, last = major * 1000 + 1, major * 1000 + 205
    write(
        top,
        {
            **below(
                "core/modules", module(major, "node", version="VERSION", install=updates("node", first, last, 8001))
            ),
            **below(
                "core/modules", module(major, "block", version="VERSION", info="description: 'Places: blocks'\n")
            ),
            **below("core/modules", module(major, "config", version="VERSION")),
            **below("core/modules", module(major, "hidden_one", info="hidden: true\n")),
            **below("core/modules/node/tests/modules", module(major, "node_test", info="package: Testing\n")),
            **below("core/modules/node/config/install", module(major, "no_module")),
            "core/themes/olivero/olivero.info.yml": "name: Olivero\ntype: theme\nversion: VERSION\n",
            "core/profiles/standard/standard.info.yml": "name: Standard\ntype: profile\nversion: VERSION\n",
            "core/profiles/testing/testing.info.yml": "name: Testing\ntype: profile\nhidden: true\n",
            "profiles/contrib/shop/shop.info.yml": "name: Shop\ntype: profile\nversion: '2.1.0'\n",
            "profiles/contrib/shop/translations/fr.po": "",
            **below("profiles/contrib/shop/modules", module(major, "cart", version="1.0.0")),
            **below("modules/contrib", module(major, "token", version="8.x-1.13")),
            **below("modules/custom", module(major, "own")),
            "modules/custom/own/themes/own_theme/own_theme.info.yml": "name: Own theme\ntype: theme\n",
        },
    )
