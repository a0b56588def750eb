"""What a web server must not show of a Drupal code base, and which scripts it may run: one list for Apache and nginx.

All patterns are PCRE, matched without regard to case against the decoded path of a request. Sources: the
``.htaccess`` files of Drupal 7 to 11, Provision's nginx rules (backend.md 7.6) and what was seen to leak
(observed.md, last entry).
"""

from __future__ import annotations

_PHP = r"php[0-9]?|phtml|phar|phps|pht"

#: File name endings that run as PHP on one server or another, wherever in a name they stand: ``x.php.bak``.
#: Drupal calls an upload ``x.php_.txt``.
PHP_NAME = rf"\.(?:{_PHP})(?:[/.~]|$)"

#: Scripts of Drupal and of a few modules that browsers call. Every other script is refused, asked for or not.
_SCRIPTS = (
    r"(?:index|cron|update|install|authorize|xmlrpc)\.php",
    r"(?:core/)?(?:boost_stats|rtoc|js)\.php",
    r"core/(?:install|authorize|rebuild)\.php",
    r"(?:core/)?modules/statistics/statistics\.php",
    r"(?:(?:sites|profiles)/[^/]+/)?modules/(?:contrib/)?(?:ad|civicrm|fbconnect|radioactivity)/(?:[^/]+/)*[^/.]+\.php",
)
SCRIPT = rf"^/+(?:{'|'.join(_SCRIPTS)})(?:/|$)"

#: All that looks like PHP and is none of the scripts above; a name may hold line breaks.
FORBIDDEN_PHP = rf"^(?!/+(?:{'|'.join(_SCRIPTS)})(?:/|$))(?s:.*){PHP_NAME}"

_LEFTOVER = r"(?:~|\.sw[a-p]|\.bak|\.orig|\.save|\.old|\.rej)"
_CODE = r"engine|inc|info|install|make|module|profile|test|theme|twig|tpl|xtmpl|po|sh|ya?ml|neon|dist"
_PACKED = r"(?:\.(?:tar|t?gz|t?bz2?|t?xz|zst|lz4|lzma|zip|7z|rar|gpg|[0-9][0-9_-]*))"
_DUMP = rf"[^/.]*sql{_PACKED}*"
_SITE_OR_SHORT = r"^/+(?:sites/+[^/]+/+)?files/+"

#: Name of a rule, its pattern. Whether something lies at the path does not matter, so nothing can be probed.
FORBIDDEN = (
    ("hidden files and folders, .well-known apart", r"/\.(?!well-known(?:/|$))"),
    ("scripts other than Drupal's own", FORBIDDEN_PHP),
    ("code, configuration and dumps, also as an editor leaves them", rf"\.(?:{_CODE}|{_DUMP}){_LEFTOVER}?$"),
    ("what editors and patches leave", rf"{_LEFTOVER}$|/\#[^/]*\#$"),
    ("folders of CVS", r"/CVS(?:/|$)"),
    (
        "files of package managers and of IIS",
        r"/(?:composer\.(?:json|lock)|package(?:-lock)?\.json|yarn\.lock|web\.config|php(?:unit|cs)\.xml)$",
    ),
    ("copies of a site's settings", r"^/+sites/+[^/]+/+[^/]*(?:settings|drushrc)[^/]*\.[^/]*$"),
    ("logs beside the code", r"^/+(?:core/+|sites/+[^/]+/+)?(?:[^/]+\.log(?:\.[^/]*)?|error_log)$"),
    (
        "what tells the version of Drupal",
        r"^/+(?:core/+)?(?:CHANGELOG|COPYRIGHT|INSTALL(?:\.[a-z]+)?|LICENSE|MAINTAINERS|PATCHES|README|SECURITY"
        r"|UPDATE|UPGRADE|USAGE)\.(?:txt|md)$",
    ),
    (
        "documents of modules, themes and libraries",
        r"^/+(?:core/+|(?:sites|profiles)/+[^/]+/+)?(?:modules|themes|libraries|profiles)/(?s:.*)\.(?:txt|md|rst)$",
    ),
    ("documents beside sites", r"^/+sites/+[^/]+\.(?:txt|md)$"),
    ("private files and drush's folder of a site", r"^/+sites/+[^/]+/+(?:private|drush)(?:/|$)"),
    (
        "what modules keep under files without meaning it for visitors",
        rf"{_SITE_OR_SHORT}(?:private|backup_migrate|config_[^/]*|php"
        r"|civicrm/+(?:ConfigAndLog|custom|upload|templates_c))(?:/|$)",
    ),
)

#: Folders that are code where they exist, and may be an address of the site where they do not.
FORBIDDEN_IF_THERE = r"^/+(?:core/+)?(?:vendor|node_modules|private|drush|scripts|config)(?:/|$)"

#: What people put behind the ending of a script or a dump: ``x.php_old``, ``x.sql copy``. Where there is no such file
#: it may be an address of the site, such as a search for ``settings.php permissions``.
COPY_IF_THERE = rf"\.(?:{_PHP}|[^/.]*sql)[^a-z0-9/.][^/.]*$"

#: Query strings of the attack that SA-CORE-2018-002 closes, refused for POST.
SA_CORE_2018_002 = r"23value|23default_value|element_parents=%23"

#: Where ACME challenges are asked for (RFC 8555, 8.3), and what their files are named like.
ACME_PATH = r"^/\.well-known/acme-challenge/"
ACME_NAME = r"[A-Za-z0-9_-]+"


def below(pattern: str, folder: str) -> str:
    """A pattern of this module for a site that is shown below ``/folder``; ``folder`` is a regular expression."""
    if pattern.startswith("^/+"):
        return f"^/+{folder}/+{pattern[3:]}"
    if pattern.startswith("^(?!/+"):
        return f"^/+{folder}{pattern[1:]}"
    return pattern
