"""Small code bases with everything that a web server must show, run or hide.

What may be seen says ``public``; whatever must stay hidden holds the word in :data:`SECRET`, scripts included.
"""

from __future__ import annotations

from pathlib import Path

SECRET = "HIDDEN-FROM-VISITORS"

_SCRIPT = r"""<?php // HIDDEN-FROM-VISITORS
header('Content-Type: application/json');
$names = ['db_type', 'db_name', 'db_user', 'db_passwd', 'db_host', 'db_port'];
$found = [];
foreach ($names as $name) {
  $found[$name] = isset($_SERVER[$name]) ? $_SERVER[$name] : NULL;
}
echo json_encode([
  'script' => $_SERVER['SCRIPT_NAME'],
  'uri' => $_SERVER['REQUEST_URI'],
  'host' => $_SERVER['HTTP_HOST'],
  'proxy' => isset($_SERVER['HTTP_PROXY']) ? $_SERVER['HTTP_PROXY'] : '',
  'https' => isset($_SERVER['HTTPS']) ? $_SERVER['HTTPS'] : '',
  'posted' => file_get_contents('php://input'),
  'credentials' => $found,
]);
"""
_RUNS_IF_CALLED = f"<?php /* {SECRET} */ echo '{SECRET}', ' was run';\n"

#: In the manner of Drupal's own file: a fallback to index.php, some names refused, no lists of folders.
_HTACCESS = r"""
Options -Indexes
Options +FollowSymLinks
DirectoryIndex index.php index.html
<FilesMatch "\.(engine|inc|info|install|module|profile|test|theme|yml)$">
  Require all denied
</FilesMatch>
RewriteEngine on
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteCond %{REQUEST_URI} !=/favicon.ico
RewriteRule ^ index.php [L]
"""

_HOSTILE_HTACCESS = """
Options +ExecCGI +Indexes
SetHandler application/x-httpd-php
Require all granted
php_flag engine on
"""


def _words(text: str) -> list[str]:
    return text.split()


_HIDDEN_EVERYWHERE = _words("""
    .git/config .git/HEAD .gitignore .env .well-known/.env composer.json composer.lock web.config CHANGELOG.txt
    INSTALL.mysql.txt LICENSE.txt README.md vendor/some/package/readme.html private/notes.html dump.sql
    backup.sql.gz error_log deploy.sh index.php_ index.php~ index.php.bak modules/CVS/Root sites/README.txt
""")
_SCRIPTS_HIDDEN_EVERYWHERE = _words("""
    vendor/autoload.php phpinfo.php sites/sites.php sites/all/drush/drushrc.php
    sites/default/default.settings.php
""")
_PUBLIC_EVERYWHERE = {
    ".well-known/security.txt": "public security.txt",
    ".well-known/acme-challenge/in-code": "public challenge of the code",
    "robots.txt": "public robots of the code",
    "misc/drupal.js": "public js",
}

_SCRIPTS_7 = _words("""
    index.php cron.php xmlrpc.php install.php update.php authorize.php modules/statistics/statistics.php
""")
_HIDDEN_7 = _words("""
    modules/system/system.info modules/system/system.module modules/system/system.install
    modules/system/system.test modules/system/README.txt includes/bootstrap.inc includes/bootstrap.inc~
    themes/engines/phptemplate/phptemplate.engine profiles/standard/standard.profile
    sites/all/modules/views/views.po scripts/password-hash.sh scripts/notes.html
""")
_SCRIPTS_HIDDEN_7 = _words("""
    modules/system/page.tpl.php modules/system/system.api.php
""")
_PUBLIC_7 = {"modules/system/system.css": "public css"}

_SCRIPTS_10 = _words("""
    index.php update.php core/install.php core/authorize.php core/rebuild.php
    core/modules/statistics/statistics.php
""")
_HIDDEN_10 = _words("""
    core/includes/bootstrap.inc core/core.services.yml core/modules/system/system.info.yml
    core/modules/system/templates/page.html.twig core/modules/system/README.md core/themes/olivero/olivero.theme
    core/CHANGELOG.txt core/INSTALL.pgsql.txt core/composer.json core/package.json core/node_modules/x/y.js
    ../composer.json ../vendor/autoload.txt core/phpunit.xml.dist
""")
_SCRIPTS_HIDDEN_10 = _words("""
    autoload.php core/lib/Drupal.php
""")
_PUBLIC_10 = {
    "core/assets/vendor/jquery/jquery.min.js": "public js",
    "core/misc/drupal.js": "public js",
}

_SITE_HIDDEN = _words("""
    settings.php~ settings.php.bak settings.php.orig .settings.php.swp services.yml database.sql database.sql.gz
    private/files/secret.pdf private/temp/upload.txt drush/drushrc.txt files/private/secret.pdf
    files/backup_migrate/manual/dump.mysql files/config_abc/sync/system.site.yml files/config_abc/sync/note.txt
    files/php/twig/x.txt files/civicrm/ConfigAndLog/log.txt files/evil.inc database.sql.tar.gz files/a.sql.tgz
    files/a.sql.7z files/a.sql.1 error.log settings.txt x.sql_old
""")
_SITE_HIDDEN += ["files/a.sql copy"]
_SITE_SCRIPTS_HIDDEN = _words("""
    settings.php SETTINGS.PHP local.settings.php drushrc.php services.php files/evil.php files/EVIL.PHP
    files/evil.phtml files/evil.phar files/evil.php5 files/evil.phps files/evil.php.jpg files/index.php
    files/modules/ad/evil.php files/own/evil.php settings.php_bak settings.php-old drushrc.php_ drushrc.php_.txt
    files/own/evil.php_
""")
_SITE_SCRIPTS_HIDDEN += ["settings.php copy", "files/evil.php copy", "files/evil.PHP copy"]
_SITE_SCRIPTS_HIDDEN += ["files/nl\nx.php", "files/nl.php\nx"]
_SITE_PUBLIC = {
    "files/report.pdf": "public report",
    "files/sub/a b.txt": "public text",
    "files/css/css_1.css": "public css",
    "files/readme.md": "public readme",
    "files/renamed.php_.txt": "public renamed upload",
    "files/data.json": "public json",
    "files/learn.sql_.pdf": "public renamed dump",
    "files/server.log": "public log",
    "files/own/shown.txt": "public text beside a hostile .htaccess",
    "files/own/script.gif": "GIF89a<?php echo 'HIDDEN-FROM-', 'VISITORS';",
}


def make_drupal_7(root: Path, *, htaccess: bool = True) -> Path:
    """A code base in the layout of Drupal 7; gives its docroot."""
    _fill(root, scripts=_SCRIPTS_7, hidden=_HIDDEN_7, hidden_scripts=_SCRIPTS_HIDDEN_7, public=_PUBLIC_7)
    _write(root / ".htaccess", f"# {SECRET}\n{_HTACCESS}" if htaccess else None)
    return root


def make_drupal_10(root: Path, *, htaccess: bool = True) -> Path:
    """A code base in the layout of a composer-built Drupal 10; gives its docroot, a folder below ``root``."""
    docroot = root / "web"
    _fill(docroot, scripts=_SCRIPTS_10, hidden=_HIDDEN_10, hidden_scripts=_SCRIPTS_HIDDEN_10, public=_PUBLIC_10)
    _write(docroot / ".htaccess", f"# {SECRET}\n{_HTACCESS}" if htaccess else None)
    return docroot


def make_site(docroot: Path, uri: str) -> Path:
    """The folder of a site, with uploads of all sorts."""
    folder = docroot / "sites" / uri
    for name in _SITE_HIDDEN:
        _write(folder / name, SECRET)
    for name in _SITE_SCRIPTS_HIDDEN:
        _write(folder / name, _RUNS_IF_CALLED)
    for name, text in _SITE_PUBLIC.items():
        _write(folder / name, text)
    _write(folder / "files/.htaccess", f"# {SECRET}\n{_HOSTILE_HTACCESS}")
    _write(folder / "files/own/.htaccess", f"# {SECRET}\n{_HOSTILE_HTACCESS}")
    return folder


def _fill(
    root: Path,
    *,
    scripts: list[str],
    hidden: list[str],
    hidden_scripts: list[str],
    public: dict[str, str],
) -> None:
    for name in scripts:
        _write(root / name, _SCRIPT)
    for name in _HIDDEN_EVERYWHERE + hidden:
        _write(root / name, SECRET)
    for name in _SCRIPTS_HIDDEN_EVERYWHERE + hidden_scripts:
        _write(root / name, _RUNS_IF_CALLED)
    for name, text in (_PUBLIC_EVERYWHERE | public).items():
        _write(root / name, text)


def _write(path: Path, text: str | None) -> None:
    if text is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
