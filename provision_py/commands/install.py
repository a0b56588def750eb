"""``provision-install``: a new site with its database, folders, settings and vhost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from provision_py.commands import absence, farm, packchecks
from provision_py.commands.databasestep import CreateSiteDatabase, NameTakenError
from provision_py.commands.elsewhere import check_not_elsewhere
from provision_py.commands.insidedrupal import ask_drupal, packages_of
from provision_py.commands.session import Session
from provision_py.commands.sitecheck import SiteCheck
from provision_py.commands.sitefiles import SiteFiles
from provision_py.commands.sitenames import check_name_is_free, check_values
from provision_py.commands.sitestate import credential_options, drushrc_file
from provision_py.commands.treesteps import OwnTree
from provision_py.contexts.model import Context, Site
from provision_py.drupal import bridge
from provision_py.drupal.codebase import check_sites_folder, detect
from provision_py.drupal.model import CodeBase, Credentials
from provision_py.drupal.package_options import site_option
from provision_py.errors import UsageError
from provision_py.hostmaster.outcome import Outcome
from provision_py.php.values import PhpArray, PhpValue
from provision_py.steps.files import ApplyFiles

_METHODS = ("profile", "manual")

#: Other installs may take a name between its choice and its use; so often in a row they do not.
_ATTEMPTS = 5


def run(session: Session, context: Context, arguments: Sequence[str], options: Mapping[str, PhpValue]) -> Outcome:
    """Install a site. Options: ``profile``, ``client_email``.

    Raises ContextError, DatabaseError, DrupalError, ServiceError or HostError; then nothing of the site is left,
    and what was there before is untouched.
    """
    if not isinstance(context, Site):
        raise UsageError(f"@{context.name} is no site", hint="Only sites can be installed")
    site = replace(context, enabled=True)
    if options.get("profile"):
        site = replace(site, profile=str(options["profile"]))
    if site.install_method not in _METHODS:
        raise UsageError(
            f"The install method {site.install_method!r} is not known",
            where=f"@{site.name}, install_method",
            hint=f"Known are {', '.join(_METHODS)}",
        )
    code = detect(site.platform.root)
    check_sites_folder(code)
    check_values(session, site)
    check_name_is_free(session, site)
    check_not_elsewhere(session, site)
    farm.check_database_host(session, site)
    absence.check_reachable(session, site)
    packchecks.check_shared(session, site.web_server, site.platform.root)
    return _install(session, site, code, options)


def _install(session: Session, site: Site, code: CodeBase, options: Mapping[str, PhpValue]) -> Outcome:
    hub = session.master.name
    check = SiteCheck.begin(session, site, fresh=True)
    session.run(OwnTree(hub, site.site_path))
    credentials = _create_database(session, site)
    files = SiteFiles(session, site, code, credentials)
    files.write_settings()
    known: PhpArray = credential_options(credentials)
    session.run(ApplyFiles(hub, [drushrc_file(site, known)], description="Write drushrc.php"))
    if site.install_method == "manual":
        outcome = _manual(session, site, files)
        known |= {"installed": True}
    else:
        outcome, packages = _by_profile(session, site, code, credentials, options)
        known |= {"profile_installed": True, "installed": True, "packages": packages}
    session.run(ApplyFiles(hub, [drushrc_file(site, known)], description="Write drushrc.php"))
    files.set_modes()
    files.make_client_link()
    farm.push_site(session, site, code, new=True)
    check.ask_members(credentials, {})
    check.finish(files.roll_out())
    session.log.success(f"{site.uri} is installed on Drupal {code.version}")
    return outcome


def _create_database(session: Session, site: Site) -> Credentials:
    db = session.db(site.db_server)
    hosts = farm.grant_hosts(session, site)
    for attempt in range(1, _ATTEMPTS + 1):
        credentials = db.new_credentials(db.suggest_name(site.uri))
        try:
            session.run(CreateSiteDatabase(db, credentials, hosts))
            return credentials
        except NameTakenError as error:
            if attempt == _ATTEMPTS:
                raise
            session.log.notice(f"{error.what}; taking another name")
    raise AssertionError("unreachable")


def _manual(session: Session, site: Site, files: SiteFiles) -> Outcome:
    link = f"http://{site.uri}/install.php"
    session.log.info(f"Drupal is to be installed by hand: {link}")
    return Outcome(db_name=files.credentials.name, login_link=link)


def _by_profile(
    session: Session, site: Site, code: CodeBase, credentials: Credentials, options: Mapping[str, PhpValue]
) -> tuple[Outcome, PhpArray]:
    mail = str(options.get("client_email") or "") or None
    operations = (
        bridge.install(
            profile=site.profile,
            language=site.language,
            site_name=site.uri,
            site_mail=mail,
            account_mail=mail,
            account_name=str(options.get("admin_user") or "admin"),
        ),
        bridge.flush_caches(),
        bridge.site_packages(),
        bridge.cron_key(),
        bridge.login_link(),
        *([bridge.welcome_mail(site.profile)] if mail else []),
    )
    answer = ask_drupal(session, site, code, credentials, operations)
    cache = session.package_cache(f"{site.platform.name}.sites")
    packages = packages_of(answer, site, code, cache)
    session.save_package_cache(cache)
    if mail:
        sent = bool(answer.results.get("welcome_mail"))
        session.log.info(f"Mailed the login link to {mail}" if sent else f"No mail could be sent to {mail}")
    key, link = answer.results.get("cron_key"), answer.results.get("login_link")
    outcome = Outcome(
        site_packages=packages,
        db_name=credentials.name,
        cron_key=str(key) if key else None,
        login_link=str(link) if link else None,
    )
    return outcome, site_option(packages)
