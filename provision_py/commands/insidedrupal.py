"""Asks Drupal, through the PHP bridge, and turns its answers into ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from provision_py.commands.session import Session
from provision_py.contexts.model import Site
from provision_py.drupal.bridge import BridgeAnswer, BridgeJob, BridgeLogEntry, Operation, run_job
from provision_py.drupal.model import CodeBase, Credentials, SitePackages
from provision_py.drupal.scan import ScanCache
from provision_py.drupal.site_packages import site_packages_d7, site_packages_d8
from provision_py.errors import DrupalError
from provision_py.tasklog import LogEntry

#: What Drupal and PHP complain about marks a task, what they tell in passing is for people who look for a cause. The
#: failure of an operation is an exception, and that is what fails a task.
_TYPES = {"error": "warning", "warning": "warning"}


def ask_drupal(
    session: Session, site: Site, code: CodeBase, credentials: Credentials, operations: tuple[Operation, ...]
) -> BridgeAnswer:
    """Perform operations inside the site, in one PHP process; what Drupal says goes to the log.

    Raises BridgeError (a DrupalError) with Drupal's own words.
    """

    def log(entry: BridgeLogEntry) -> None:
        session.log.entry(
            LogEntry(_TYPES.get(entry.type, "notice" if entry.source == "message" else "debug"), str(entry))
        )

    job = BridgeJob(
        docroot=code.docroot,
        uri=site.uri,
        major=code.major,
        operations=operations,
        credentials=credentials,
        base_url=base_url(site),
        php=session.php,
    )
    return run_job(session.host_of(session.master), job, on_entry=log)


def base_url(site: Site) -> str:
    """The site's own address, without a slash at the end; a redirection may be ``host/folder``."""
    host, slash, folder = (site.redirection or site.uri).partition("/")
    port = str(site.web_server.properties.get("http_port") or "80")
    return f"http://{host}{'' if port == '80' else f':{port}'}{slash}{folder}"


def packages_of(answer: BridgeAnswer, site: Site, code: CodeBase, cache: ScanCache) -> SitePackages:
    """The packages of a site from the answer to ``site_packages``. Raises DrupalError when there is none."""
    found = answer.results.get("site_packages")
    if not isinstance(found, Mapping):
        raise DrupalError("Drupal did not say which packages the site has", where=f"{code.docroot}, sites/{site.uri}")
    raw = cast("Mapping[str, Any]", found)
    profile = str(raw.get("profile") or site.profile)
    if code.major < 8:
        return site_packages_d7(code, site.uri, profile, raw["system"], cache=cache)
    enabled = {"module": raw["modules"], "theme": raw["themes"]}
    return site_packages_d8(code, site.uri, profile, enabled, raw["schema"], cache=cache)
