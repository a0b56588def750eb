"""Verify of a site: its folders, settings and vhost are what its context says, and Drupal answers."""

from __future__ import annotations

from provision_py.commands import absence, farm, packchecks
from provision_py.commands.ahead import Answers, asked_ahead
from provision_py.commands.insidedrupal import ask_drupal, packages_of
from provision_py.commands.session import Session
from provision_py.commands.sitecheck import SiteCheck
from provision_py.commands.sitefiles import SiteFiles
from provision_py.commands.sitenames import check_aliases_are_free, check_values
from provision_py.commands.sitestate import SiteState, credential_options, drushrc_file
from provision_py.contexts.model import Site
from provision_py.drupal.bridge import cron_key, flush_caches, site_packages
from provision_py.drupal.codebase import check_sites_folder, detect
from provision_py.drupal.package_options import site_option
from provision_py.errors import ContextError
from provision_py.hostmaster.outcome import Outcome
from provision_py.steps.files import ApplyFiles
from provision_py.system.presence import is_folder


def verify_site(session: Session, site: Site) -> Outcome:
    """Write settings, start Drupal once to rebuild its caches and to list its packages, load the vhost, look at the
    site's page on every web server.

    A site without credentials on record is refused before anything is touched: writing its settings.php anew would
    lose the only copy. Raises ContextError, DrupalError, ServiceError or HostError; then everything is as it was.
    """
    code = detect(site.platform.root)
    check_sites_folder(code)
    _check_installed(site)
    check_values(session, site)
    farm.check_database_host(session, site)
    absence.check_reachable(session, site)
    check_aliases_are_free(session, site)
    packchecks.check_shared(session, site.web_server, site.platform.root)
    state = SiteState.read(site)
    credentials = farm.reached_database(session, site, state.credentials(site))
    files = SiteFiles(session, site, code, credentials)
    check = SiteCheck.begin(session, site)
    farm.keep_names(session, site, code)
    files.write_settings()
    cache = session.package_cache(f"{site.platform.name}.sites")
    with asked_ahead(session, site, code, credentials) as ahead:
        answer = ask_drupal(session, site, code, credentials, (flush_caches(), site_packages(), cron_key()))
    check.pages.warm_up()
    packages = packages_of(answer, site, code, cache)
    options = state.options | credential_options(credentials)
    options |= {"packages": site_option(packages), "installed": True}
    session.run(ApplyFiles(session.master.name, [drushrc_file(site, options)], description="Write drushrc.php"))
    files.make_client_link()
    answers = Answers() if ahead is None else ahead.answers()
    if ahead is not None:
        farm.grant_members(session, site, credentials, ahead.grants())
        check.ask_members(credentials, answers.content)
    farm.push_site(session, site, code, answers=answers.files)
    check.finish(files.roll_out(answers.former))
    session.save_package_cache(cache)
    session.log.success(f"{site.uri} is verified on Drupal {code.version}")
    key = answer.results.get("cron_key")
    return Outcome(site_packages=packages, db_name=credentials.name, cron_key=str(key) if key else None)


def _check_installed(site: Site) -> None:
    if not is_folder(site.site_path):
        raise ContextError(
            f"{site.uri} has no folder on its platform",
            where=site.site_path,
            hint="Install the site, or restore it from a backup",
            code="PROVISION_DRUPAL_SITE_NOT_FOUND",
        )
