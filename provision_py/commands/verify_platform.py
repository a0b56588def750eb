"""Verify of a platform: its code is built where it must be, its packages are known, its web servers serve it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provision_py.commands import absence, farm, packchecks
from provision_py.commands.platformdrushrc import PlatformDrushrc
from provision_py.commands.session import Session
from provision_py.commands.treesteps import BuildTree
from provision_py.commands.webrollout import roll_out
from provision_py.contexts.model import Platform
from provision_py.drupal import composer
from provision_py.drupal.codebase import check_sites_folder, detect
from provision_py.drupal.found_packages import FoundPackages, find_packages
from provision_py.drupal.layout import platform_directories
from provision_py.drupal.makefile import make_platform
from provision_py.drupal.model import CodeBase
from provision_py.drupal.platform_packages import sites
from provision_py.hostmaster.outcome import Outcome
from provision_py.services.base import HttpService
from provision_py.steps.files import EnsureDirectories
from provision_py.system.configfile import ConfigFile


@dataclass(frozen=True)
class PlatformCode:
    """A platform with the code base that was found at its root."""

    platform: Platform
    code: CodeBase


def verify_platform(session: Session, platform: Platform, *, working_copy: bool = False) -> Outcome:
    """Build missing code, read what is there, and let the web servers of the platform serve it.

    ``working_copy`` keeps the version control folders of what a makefile fetches, whatever the context says.

    Raises DrupalError when there is no usable code base; then nothing is left behind.
    """
    absence.check_reachable(session, platform)
    packchecks.check_shared(session, platform.web_server, platform.root, warn=True)
    _build(session, platform, working_copy or platform.make_working_copy)
    code = detect(platform.root)
    check_sites_folder(code)
    session.log.info(f"Drupal {code.version} in {code.docroot}")
    packages = _packages(session, platform, code)
    found = sites(code)
    folders = platform_directories(code)
    session.run(EnsureDirectories(session.master.name, folders, description="Make the folders of the platform"))
    drushrc = PlatformDrushrc(session, platform.name, code, packages, found)
    session.run(*drushrc.steps())
    drushrc.remember()
    farm.push_platform(session, platform, code)
    roll_out_platform(session, PlatformCode(platform, code))
    session.log.success(f"@{platform.name} is verified: {packages.count} packages, {len(found)} sites")
    return Outcome(platform_packages=packages, sites=found)


def _packages(session: Session, platform: Platform, code: CodeBase) -> FoundPackages:
    packages, problem = find_packages(code, session.cache_file(f"{platform.name}.packages"))
    for warning in packages.warnings:
        session.log.notice(warning)
    session.tell_forgotten(problem)
    return packages


def _build(session: Session, platform: Platform, working_copy: bool) -> None:
    """Run drush make or composer where the platform needs it."""
    call = make_platform(platform.makefile, platform.root, working_copy=working_copy)
    if call is not None:
        session.run(BuildTree(session.master.name, platform.root, call, "DRUSH_MAKE_FAILED", "Build the platform"))
    if not session.flag("provision_composer_install_platforms", True):
        return
    repo_path = platform.extra.get("repo_path")
    call = composer.composer_install(
        platform.root,
        str(repo_path) if repo_path else None,
        always=session.flag("provision_composer_install_platforms_verify_always", False),
        command=session.text("provision_composer_install_command") or composer.COMMAND,
    )
    if call is not None:
        what = "Install the platform's packages with composer"
        vendor = f"{call.cwd}/vendor"
        session.run(BuildTree(session.master.name, vendor, call, "PROVISION_COMPOSER", what, composer.complaint))


def roll_out_platform(session: Session, found: PlatformCode) -> None:
    """Configuration of the platform on every web server that serves it."""

    def files(service: HttpService) -> Sequence[ConfigFile]:
        extra = "\n".join(session.plugins.platform_extra(found.platform, service.server))
        return service.platform_files(found.platform, found.code, extra_config=extra)

    roll_out(session, found.platform.web_server, files)
