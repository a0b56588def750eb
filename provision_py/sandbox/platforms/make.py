"""Writing a platform to disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent

#: The version that a platform of a major claims to be when none is asked for.
VERSIONS = {7: "7.105", 8: "8.9.20", 9: "9.5.11", 10: "10.3.6", 11: "11.1.2"}

#: How ``fail_install`` can make the installer go wrong; see shared/trouble.php.
TROUBLES = frozenset(
    {
        "noise", "flood", "exception", "die", "exit", "fatal", "compile",
        "memory", "kill", "slow", "late", "buffers", "password",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Platform:
    """A platform on disk. ``docroot`` is ``root``, or the folder below it of a composer-built one."""

    root: Path
    docroot: Path
    major: int
    version: str


def make_platform(
    path: Path,
    major: int,
    *,
    version: str | None = None,
    docroot: str = "",
    modules: Sequence[str] = (),
    profiles: Sequence[str] = (),
) -> Platform:
    """Write a platform of a major version (7 to 11) into the folder ``path``, which is made.

    ``docroot`` is the folder below it for the composer layout (``web``), with ``vendor`` beside it; 8 and later only.
    ``modules`` are added as contributed ones, ``profiles`` beside ``minimal`` and ``standard``. Raises ValueError for
    a version that there is no platform of.
    """
    if major not in VERSIONS or (docroot and major == 7):
        raise ValueError(
            f"there is no platform of Drupal {major}" + (" with a docroot of its own" if docroot else "")
        )
    platform = Platform(path, path / docroot if docroot else path, major, version or VERSIONS[major])
    source = SOURCES / ("drupal7" if major == 7 else "drupal8/docroot")
    shutil.copytree(source, platform.docroot, copy_function=shutil.copyfile, dirs_exist_ok=True)
    misc = platform.docroot / ("misc" if major == 7 else "core/misc")
    shutil.copyfile(SOURCES / "shared/trouble.php", misc / "trouble.php")
    shutil.copyfile(SOURCES / "shared/htaccess", platform.docroot / ".htaccess")
    (platform.docroot / "web.config").write_text("<?xml version='1.0'?>\n<configuration/>\n")
    if major == 7:
        _fill_in(platform, platform.docroot / "includes/bootstrap.inc", platform.docroot / "CHANGELOG.txt")
        (platform.docroot / "sites/all/libraries").mkdir(parents=True, exist_ok=True)
    else:
        _fill_in(platform, platform.docroot / "core/lib/Drupal.php", *platform.docroot.rglob("*.info.yml"))
        _write_vendor(platform, docroot)
    for module in modules:
        add_module(platform, module)
    for profile in profiles:
        add_profile(platform, profile)
    return platform


def add_module(
    platform: Platform,
    name: str,
    *,
    version: str = "1.4",
    schema: int = 1,
    folder: str | None = None,
    project: str | None = None,
) -> Path:
    """Add a contributed module; its folder. ``folder`` is below the docroot (default: where such modules belong).

    ``schema`` is the number of its latest update function without the major (1 gives ``7101`` or ``8101``).
    """
    if platform.major == 7:
        home = platform.docroot / (folder or "sites/all/modules") / name
        update, full_version = 7100 + schema, f"7.x-{version}"
    else:
        home = platform.docroot / (folder or "modules/contrib") / name
        update, full_version = 8100 + schema, f"8.x-{version}"
    home.mkdir(parents=True)
    (home / f"{name}.module").write_text(f"<?php\n\n/** @file Module {name}. */\n")
    (home / f"{name}.install").write_text(f"<?php\n\nfunction {name}_update_{update}()\n{{\n}}\n")
    label = name.replace("_", " ").capitalize()
    if platform.major == 7:
        info = (
            f'name = {label}\ndescription = "What {name} does"\npackage = Other\ncore = 7.x\n'
            f'files[] = {name}.module\n\nversion = "{full_version}"\nproject = "{project or name}"\n'
        )
        (home / f"{name}.info").write_text(info)
    else:
        info = (
            f"name: '{label}'\ntype: module\ndescription: 'What {name} does'\npackage: Other\n"
            f"{_core_line(platform)}\nversion: '{full_version}'\nproject: '{project or name}'\n"
        )
        (home / f"{name}.info.yml").write_text(info)
    return home


def add_profile(platform: Platform, name: str, *, languages: Sequence[str] = ()) -> Path:
    """Add an installation profile with translations to ``languages``; its folder."""
    home = platform.docroot / "profiles" / name
    home.mkdir(parents=True)
    label = name.replace("_", " ").capitalize()
    (home / f"{name}.profile").write_text(f"<?php\n\n/** @file Profile {name}. */\n")
    (home / f"{name}.install").write_text(f"<?php\n\nfunction {name}_install()\n{{\n}}\n")
    if platform.major == 7:
        (home / f"{name}.info").write_text(
            f'name = {label}\ndescription = "Profile {name}"\ncore = 7.x\nversion = "7.x-2.1"\n'
        )
    else:
        head = f"name: '{label}'\ntype: profile\ndescription: 'Profile {name}'\n"
        text = f"{head}{_core_line(platform)}\nversion: '2.1.0'\n"
        (home / f"{name}.info.yml").write_text(text)
    for language in languages:
        (home / "translations").mkdir(exist_ok=True)
        (home / "translations" / f"{name}-{platform.version}.{language}.po").write_text('msgid ""\nmsgstr ""\n')
    return home


def fail_install(platform: Platform, how: str | None) -> None:
    """Make the platform's next installations go wrong in one of TROUBLES, or no longer (None)."""
    switch = platform.docroot / "fail-install"
    if how is None:
        switch.unlink(missing_ok=True)
        return
    if how not in TROUBLES:
        raise ValueError(f"the installer cannot fail by {how!r}")
    switch.write_text(how)


def _core_line(platform: Platform) -> str:
    return "core: 8.x" if platform.major == 8 else "core_version_requirement: ^9 || ^10 || ^11"


def _fill_in(platform: Platform, *files: Path) -> None:
    for file in files:
        text = file.read_text().replace("@VERSION@", platform.version).replace("@CORE@", _core_line(platform))
        file.write_text(text)


def _write_vendor(platform: Platform, docroot: str) -> None:
    vendor = platform.root / "vendor"
    shutil.copytree(SOURCES / "drupal8/vendor", vendor, copy_function=shutil.copyfile, dirs_exist_ok=True)
    # psr/log 3, with types, came with Drupal 10.
    (vendor / "psr").mkdir(exist_ok=True)
    (vendor / ("psr3" if platform.major >= 10 else "psr1")).rename(vendor / "psr/log")
    shutil.rmtree(vendor / ("psr1" if platform.major >= 10 else "psr3"))
    loader = vendor / "autoload.php"
    # vendor stands in the root; the docroot is the root or a folder in it.
    loader.write_text(loader.read_text().replace("@DOCROOT@", f"../{docroot}/" if docroot else "../"))
    up = "/".join([".."] * len(Path(docroot).parts)) + "/" if docroot else ""
    (platform.docroot / "autoload.php").write_text(f"<?php\n\nreturn require __DIR__ . '/{up}vendor/autoload.php';\n")
    scaffold = {"drupal-scaffold": {"locations": {"web-root": f"{docroot or '.'}/"}}}
    composer = {"name": "example/platform", "type": "project", "require": {}, "extra": scaffold}
    (platform.root / "composer.json").write_text(json.dumps(composer, indent=2) + "\n")
