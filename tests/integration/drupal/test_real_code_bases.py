"""Code bases as people have them: those named in ``PROVISION_PY_DRUPAL``, and what Provision recorded of one."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision_py.drupal.codebase import check_sites_folder, detect, vendor_folder
from provision_py.drupal.composer import composer_install, composer_project
from provision_py.drupal.model import CodeBase
from provision_py.drupal.package_options import platform_options, site_option, to_option
from provision_py.drupal.platform_packages import platform_packages, sites
from provision_py.drupal.scan import ScanCache
from provision_py.drupal.site_packages import site_packages_d7, site_packages_d8
from provision_py.php.files import read_drushrc

pytestmark = pytest.mark.real_drupal

ROOTS = [root for root in os.environ.get("PROVISION_PY_DRUPAL", "").split(":") if root]
RECORDED_ROOT = "/var/aegir/platforms/d7"


@pytest.fixture(params=ROOTS or [None])
def code(request: pytest.FixtureRequest) -> CodeBase:
    if request.param is None:
        pytest.skip("PROVISION_PY_DRUPAL names no code bases")
    return detect(request.param)


def php(program: str, *arguments: str) -> str:
    command = ["php", "-d", "display_errors=stderr", "-r", program, "--", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_version_is_what_php_says(code: CodeBase) -> None:
    if code.major < 8:
        program = "define('DRUPAL_ROOT', $argv[1]); require $argv[1] . '/includes/bootstrap.inc'; print VERSION;"
    else:
        program = "require $argv[1] . '/autoload.php'; print \\Drupal::VERSION;"
    assert code.version == php(program, code.docroot)


def test_folders(code: CodeBase) -> None:
    assert check_sites_folder(code) == f"{code.docroot}/sites"
    vendor = vendor_folder(code)
    assert (vendor is None) if code.major < 8 else (vendor is not None and os.path.isdir(f"{vendor}/symfony"))
    if composer_project(code.root) and vendor:
        assert composer_install(code.root, which=lambda program: program) is None


def test_info_files_say_what_drupals_own_parser_says(code: CodeBase) -> None:
    packages, _warnings = platform_packages(code)
    modules = {package.short_name: package for package in packages.base if package.kind == "modules"}
    if code.major < 8:
        program = """
            define('DRUPAL_ROOT', $argv[1]);
            foreach (['bootstrap', 'common'] as $name) require $argv[1] . "/includes/$name.inc";
            $said = [];
            foreach (json_decode($argv[2], TRUE) as $name => $file) {
              $said[$name] = drupal_parse_info_format(file_get_contents(dirname($file) . "/$name.info"));
            }
            print json_encode($said, JSON_THROW_ON_ERROR);
        """
    else:
        program = """
            require $argv[1] . '/autoload.php';
            $said = [];
            foreach (json_decode($argv[2], TRUE) as $name => $file) {
              $said[$name] = Symfony\\Component\\Yaml\\Yaml::parseFile($file);
            }
            print json_encode($said, JSON_THROW_ON_ERROR);
        """
    files = json.dumps({name: module.filename for name, module in modules.items()})
    said = json.loads(php(program, code.docroot, files))
    own = {"dependencies", "description", "version", "php"} if code.major < 8 else set()
    for name, module in modules.items():
        ours = {key: value for key, value in comparable(module.info).items() if key in said[name] or key not in own}
        assert ours == comparable(said[name]), name


def test_modules_are_those_that_drupal_finds(code: CodeBase) -> None:
    if code.major < 8:
        pytest.skip("Drupal 7 finds modules through its database")
    program = """
        require $argv[1] . '/autoload.php';
        $found = [];
        $discovery = new Drupal\\Core\\Extension\\ExtensionDiscovery($argv[1], FALSE, [], 'sites/default');
        foreach (['module', 'theme', 'profile'] as $type) {
          $discovery->setProfileDirectories([]);
          foreach ($discovery->scan($type, FALSE) as $name => $file) {
            $found[$type][$name] = $argv[1] . '/' . $file->getPathname();
          }
        }
        print json_encode($found, JSON_THROW_ON_ERROR);
    """
    found = json.loads(php(program, code.docroot))
    packages, _warnings = platform_packages(code)  # what lies in profiles stands in groups of its own
    for kind, section in (("module", "modules"), ("theme", "themes"), ("profile", "profiles")):
        ours = {package.short_name: package.filename for package in packages.base if package.kind == section}
        theirs = {
            name: path
            for name, path in found[kind].items()
            if (kind == "theme" or not hidden(path)) and (kind == "profile" or "/profiles/" not in path)
        }
        assert ours == theirs


def test_schema_versions_are_those_of_the_functions(code: CodeBase) -> None:
    """Counted again, without knowing Drupal: no function of a module has a higher number than the module."""
    packages, _warnings = platform_packages(code)
    for package in packages.base:
        if package.kind == "modules":
            install = Path(package.filename).parent / f"{package.short_name}.install"
            source = install.read_text(errors="replace") if install.is_file() else ""
            numbers = re.findall(rf"^function {package.short_name}_update_(\d+)\(", source, re.MULTILINE)
            assert package.schema_version >= max(map(int, numbers), default=0)


def test_cached_scan_is_the_same_and_fast(code: CodeBase, tmp_path: Path) -> None:
    path = str(tmp_path / "cache.json")
    fresh = platform_packages(code)
    for expected_misses in (True, False):
        cache = ScanCache.open(path)
        assert platform_packages(code, cache=cache) == fresh
        assert bool(cache.misses) is expected_misses
        assert cache.save() is None


def test_site_of_this_platform(code: CodeBase) -> None:
    packages, _warnings = platform_packages(code)
    modules = [package for package in packages.base if package.kind == "modules"]
    if code.major < 8:
        rows = [
            {
                "type": "module",
                "name": module.short_name,
                "filename": os.path.relpath(module.filename, code.docroot),
                "status": "1",
                "schema_version": str(module.schema_version),
            }
            for module in modules
        ]
        site = site_packages_d7(code, "site.example.test", "standard", rows)
    else:
        enabled = {"module": {module.short_name: 0 for module in modules}, "theme": {}}
        schemas = {module.short_name: module.schema_version for module in modules}
        site = site_packages_d8(code, "site.example.test", "standard", enabled, schemas)
    seen = {package.short_name: package for package in site.packages if package.kind == "modules"}
    assert {module.short_name for module in modules} <= set(seen)
    for module in modules:
        own = seen[module.short_name]
        assert (own.name, own.version, own.status) == (module.name, module.version, 1)
        assert (own.schema_version, own.local) == (module.schema_version, False)
    assert [package.short_name for package in site.packages if package.kind == "profiles"] == ["standard"]


def test_options_are_plain_php_data(code: CodeBase) -> None:
    options = platform_options(platform_packages(code)[0], sites(code))
    text = json.dumps(options, ensure_ascii=True)
    assert "\\ud8" not in text
    assert "\\udc" not in text


@pytest.fixture
def recorded(code: CodeBase, reference: Path) -> Iterator[dict[str, Any]]:
    if code.version != "7.105":
        pytest.skip("the recording is of Drupal 7.105")
    options = read_drushrc(reference / "home" / RECORDED_ROOT.lstrip("/") / "sites/all/drush/drushrc.php")
    text = json.dumps(options).replace(RECORDED_ROOT, code.docroot)
    yield json.loads(text)


def test_same_as_provision_recorded(code: CodeBase, recorded: dict[str, Any]) -> None:
    """The code base of the recording had fewer modules; what both have is the same to the last value."""
    ours = json.loads(json.dumps(to_option(platform_packages(code)[0])))
    theirs = recorded["packages"]
    assert list(ours) == list(theirs)
    assert set(ours["base"]) == set(theirs["base"])
    for section in ("modules", "themes"):
        assert set(theirs["base"][section]) <= set(ours["base"][section])
        for name, entry in theirs["base"][section].items():
            found = ours["base"][section][name]
            assert list(found) == list(entry)
            if found["version"] is None:
                assert entry["version"] == "7.105"  # Provision gave every module the core's version
                entry["version"] = None
            assert found == entry
    for name, entry in ours["base"]["profiles"].items():
        if name in theirs["base"]["profiles"]:
            assert entry == theirs["base"]["profiles"][name]


def test_site_same_as_provision_recorded(code: CodeBase, recorded: dict[str, Any], reference: Path) -> None:
    """Rows as the recording tells them give the recorded packages again, but for columns that nothing reads."""
    uri = "std1.example.test"
    options = read_drushrc(reference / "home" / RECORDED_ROOT.lstrip("/") / "sites" / uri / "drushrc.php")
    theirs = json.loads(json.dumps(options["packages"]).replace(RECORDED_ROOT, code.docroot))
    entries = [*theirs["modules"].values(), *theirs["themes"].values()]
    rows = [{**entry, "filename": os.path.relpath(entry["filename"], code.docroot)} for entry in entries]
    ours = json.loads(json.dumps(site_option(site_packages_d7(code, uri, "standard", rows))))
    assert list(ours) == list(theirs)
    unread = {"owner", "bootstrap", "weight"}
    for section in ("modules", "themes"):
        assert len(theirs[section]) > 3
        expected = {
            name: {key: value for key, value in entry.items() if key not in unread}
            for name, entry in theirs[section].items()
        }
        assert ours[section] == expected
        assert [list(entry) for entry in ours[section].values()] == [list(entry) for entry in expected.values()]
    ours["profiles"]["standard"]["info"].pop(
        "hidden", None
    )  # this distribution hides the profile, the recorded did not
    assert ours["profiles"] == theirs["profiles"]


def hidden(path: str) -> bool:
    return re.search(r"^hidden: *['\"]?(true|1)", Path(path).read_text(), re.MULTILINE | re.IGNORECASE) is not None


def comparable(value: Any) -> Any:
    """PHP's JSON has lists where PHP has arrays with the keys 0, 1, 2 …"""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        return {str(key): comparable(item) for key, item in value.items()}
    return value
