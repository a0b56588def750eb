"""What the command of a recorded run must have found, made from the rows after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from provision_py.drupal.model import Package, PlatformPackages, SitePackages
from provision_py.hostmaster.outcome import ImportedSite, Outcome
from replay.recording import Recording, Row
from replay.rewind import State

KINDS = {"module": "modules", "theme": "themes", "profile": "profiles", "engine": "engines", "platform": "platforms"}


def outcome_of(recording: Recording, state: State) -> Outcome:
    """The outcome of the recorded run; ``state`` holds the rows after it."""
    rid = recording.task.number("rid")
    (target,) = state.find("node", nid=rid)
    backups = recording.added_to("hosting_site_backups")
    is_import = recording.task.values["task_type"] == "import"
    if target.values["type"] == "platform":
        return Outcome(platform_packages=platform_packages(state, rid))
    if target.values["type"] != "site":
        return Outcome()
    (site,) = state.find("hosting_site", vid=target.values["vid"])
    return Outcome(
        site_packages=SitePackages(tuple(packages_of(state, rid))),
        db_name=site.text("db_name"),
        cron_key=site.text("cron_key"),
        login_link=f"http://{target.text('title')}/user/reset/1/1795352419/aB-c_d",
        backup_file=backups[0].text("filename") if backups else None,
        backup_size=backups[0].number("size") if backups else None,
        imported=imported_site(state, site) if is_import else None,
    )


def imported_site(state: State, site: Row) -> ImportedSite:
    """What the alias file of a site says; ``site`` is its row in hosting_site."""
    contexts = {row.number("nid"): row.text("name") for row in state.table("hosting_context")}
    (profile,) = state.find("hosting_package", nid=site.values["profile"])
    (client,) = state.find("hosting_client", nid=site.values["client"])
    return ImportedSite(
        db_server=contexts[site.number("db_server")],
        platform=contexts[site.number("platform")],
        profile=profile.text("short_name"),
        client_name=client.text("uname"),
        language=site.text("language"),
        cron_key=site.text("cron_key"),
        aliases=tuple(row.text("alias") for row in state.find("hosting_site_alias", vid=site.values["vid"])),
    )


def platform_packages(state: State, nid: int) -> PlatformPackages:
    """The packages of a platform: its own and those in each of its profiles.

    The rows do not say which of a platform's packages lie in sites/all.
    """
    profiles = {
        package.text("short_name"): instance.number("iid")
        for instance, package in _instances(state, nid)
        if package.values["package_type"] == "profile"
    }
    return PlatformPackages(
        base=tuple(packages_of(state, nid)),
        sites_all=(),
        profiles={name: tuple(packages_of(state, iid)) for name, iid in profiles.items()},
    )


def packages_of(state: State, rid: int) -> list[Package]:
    """The packages in the list of a platform, a site or a profile's instance."""
    titles = _index(state.table("node"), lambda row: row.number("nid"))
    languages = state.table("hosting_package_languages")
    return [
        Package(
            kind=KINDS[package.text("package_type")],
            short_name=package.text("short_name"),
            name=titles[package.number("nid")].text("title"),
            filename=instance.text("filename"),
            version=None if instance.values["version"] == "Unknown" else instance.text("version"),
            description=package.text("description"),
            old_short_name=package.text("old_short_name"),
            schema_version=instance.number("schema_version"),
            status=instance.number("status"),
            local=instance.values["platform"] == -1,
            languages=tuple(row.text("language") for row in languages if row.values["iid"] == instance.values["iid"]),
        )
        for instance, package in _instances(state, rid)
    ]


def _instances(state: State, rid: int) -> list[tuple[Row, Row]]:
    packages = _index(state.table("hosting_package"), lambda row: row.number("nid"))
    instances = state.find("hosting_package_instance", rid=rid)
    return [(row, packages[row.number("package_id")]) for row in sorted(instances, key=lambda row: row.number("iid"))]


def _index(rows: Iterable[Row], key: Callable[[Row], int]) -> dict[int, Row]:
    return {key(row): row for row in rows}
