"""Drush alias and drushrc files in the original's layout (reference: alias file format, drushrc files)."""

from __future__ import annotations

from collections.abc import Mapping

from provision_py.php.literals import export, quote
from provision_py.php.values import PhpArray, PhpValue

DATABASE_OPTIONS = ("db_type", "db_port", "db_host", "db_user", "db_passwd", "db_name")
"""Options of a site that its drushrc file copies into ``$_SERVER``, for its settings.php."""

_OPENING = "<?php \n"
_NOT_WRITTEN = frozenset({"context-path", "config-file"})  # drush's own, not options of the site or platform
_UNIQUE = ("aliases", "drush_aliases")


def render_alias(name: str, record: Mapping[int | str, PhpValue] | Mapping[str, PhpValue]) -> str:
    """An alias file with one record. ``aliases`` and ``drush_aliases`` lose duplicates and keep their keys."""
    values: PhpArray = {
        key: _unique(value) if key in _UNIQUE and isinstance(value, dict) else value for key, value in record.items()
    }
    return f"{_OPENING}$aliases[{quote(name.removeprefix('@'))}] = {export(values)};\n"


def _unique(array: PhpArray) -> PhpArray:
    seen: set[str] = set()
    result: PhpArray = {}
    for key, value in array.items():
        text = export(value) if isinstance(value, dict) else str(value)
        if text not in seen:
            seen.add(text)
            result[key] = value
    return result


def render_platform_drushrc(options: Mapping[int | str, PhpValue] | Mapping[str, PhpValue]) -> str:
    """``sites/all/drush/drushrc.php``: one assignment per option, no newline after the last."""
    lines = [
        f"\n$options[{export(key)}] = {export(value)};" for key, value in options.items() if key not in _NOT_WRITTEN
    ]
    return f"{_OPENING}\n{''.join(lines)}"


def render_site_drushrc(options: Mapping[int | str, PhpValue] | Mapping[str, PhpValue], site_path: str) -> str:
    """``sites/<uri>/drushrc.php``: the options, their copies in ``$_SERVER``, the include of local additions."""
    copies = "".join(f"$_SERVER['{name}'] = $options['{name}'];\n" for name in DATABASE_OPTIONS)
    return (
        f"{render_platform_drushrc(options)}\n"
        "# What settings.php takes from the environment of the web server, for drush.\n"
        f"{copies}\n"
        "# Put options of your own into this file: it is never overwritten.\n"
        f"@include_once({quote(site_path + '/local.drushrc.php')});\n"
    )


def render_home_drushrc(features: Mapping[str, str], include: Mapping[str, str]) -> str:
    """``~/.drush/drushrc.php``: hostmaster's features ('0' or '1' each) and the drush folders of enabled ones.

    ``include`` maps a feature to its folder.
    """
    enabled: PhpArray = {name: state for name, state in features.items()}  # noqa: C416  (dict() cannot widen the type)
    excluded: PhpArray = dict(enumerate(name for name, state in features.items() if state == "0"))
    folders: PhpArray = {name: folder for name, folder in include.items()}  # noqa: C416  (as above)
    return (
        f"{_OPENING}\n"
        "# Written anew at each verify of the hostmaster site. Changes belong into local.drushrc.php beside it.\n"
        "# Features of hostmaster, 1 is enabled.\n"
        f"$options['hosting_features'] = {export(enabled)};\n\n"
        "# Drush extensions of disabled features, which drush must not load.\n"
        f"$options['exclude'] = {export(excluded)};\n\n"
        "# The same under the name that drush 8 reads.\n"
        "$options['ignored-modules'] = $options['exclude'];\n\n"
        "# Drush extensions of enabled features, for use outside the hostmaster site.\n"
        f"$options['include'] = {export(folders)};\n"
        "# Local additions.\n"
        "@include_once(dirname(__FILE__) . '/local.drushrc.php');\n"
    )
