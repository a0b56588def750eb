"""Which package rows are added, changed and removed, without a database."""

from __future__ import annotations

import time
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from provision_py.drupal.model import Package
from provision_py.hostmaster.package_plan import (
    Instance,
    PackageNode,
    StoredInstance,
    instance_of,
    merge_groups,
    plan_instances,
    plan_languages,
    plan_packages,
)

VIEWS = Package(
    "modules", "views", "Views", "/p/sites/all/modules/views/views.module", "7.x-3.29", "Lists of content"
)
STORED_VIEWS = PackageNode("module", "views", "", "Lists of content", "Views", nid=30, vid=40)


def instance(package_id: int, version: str = "7.1", status: int = 0) -> Instance:
    return Instance(package_id, f"/p/{package_id}.module", 0, version, 70100000500, status, 9)


def test_a_new_package_is_added_once_however_often_it_is_found() -> None:
    plan = plan_packages([], [VIEWS, VIEWS])
    assert plan.added == (replace(STORED_VIEWS, nid=0, vid=0),)
    assert plan.changed == ()


def test_a_package_that_says_the_same_is_left_alone() -> None:
    assert not plan_packages([STORED_VIEWS], [VIEWS])


def test_names_are_found_without_regard_to_case() -> None:
    assert not plan_packages([STORED_VIEWS], [replace(VIEWS, short_name="VIEWS")])


def test_a_module_and_a_theme_of_one_name_are_two_packages() -> None:
    assert [node.type for node in plan_packages([STORED_VIEWS], [replace(VIEWS, kind="themes")]).added] == ["theme"]


def test_a_new_title_rewrites_the_node_and_keeps_texts_that_are_not_given() -> None:
    plan = plan_packages([STORED_VIEWS], [replace(VIEWS, name="Views 3", description="")])
    assert plan.changed == (replace(STORED_VIEWS, title="Views 3"),)


def test_the_last_word_counts_and_saying_the_old_thing_again_changes_nothing() -> None:
    other = replace(VIEWS, description="Something else")
    assert plan_packages([STORED_VIEWS], [VIEWS, other]).changed[0].description == "Something else"
    assert not plan_packages([STORED_VIEWS], [other, VIEWS])


def test_an_old_short_name_is_stored_when_it_is_given() -> None:
    standard = Package("profiles", "standard", "Standard", "", "7.1", old_short_name="default")
    stored = PackageNode("profile", "standard", "", "", "Standard", nid=5, vid=6)
    assert plan_packages([stored], [standard]).changed[0].old_short_name == "default"
    kept = replace(stored, old_short_name="default")
    assert not plan_packages([kept], [replace(standard, old_short_name="")])


def test_of_several_rows_of_one_package_the_first_counts() -> None:
    double = replace(STORED_VIEWS, nid=99, vid=99, title="Double")
    assert not plan_packages([STORED_VIEWS, double], [VIEWS])


def test_a_package_without_a_name_is_called_by_its_short_name() -> None:
    assert plan_packages([], [replace(VIEWS, name="")]).added[0].title == "views"


def test_texts_that_do_not_fit_are_cut() -> None:
    node = plan_packages([], [replace(VIEWS, name="x" * 300, kind="a kind of seventeen")]).added[0]
    assert (len(node.title), len(node.type)) == (255, 16)


def test_later_groups_win_and_kinds_are_in_order() -> None:
    theme = Package("themes", "views", "Views theme", "", "7.x-1.0")
    newer = replace(VIEWS, version="7.x-4.0")
    merged = merge_groups([theme, VIEWS], [newer])
    assert list(merged.values()) == [newer, theme]


def test_an_instance_row_holds_version_and_code() -> None:
    row = instance_of(replace(VIEWS, status=1), 30, platform=9)
    assert row == Instance(30, VIEWS.filename, 0, "7.x-3.29", 70003290500, 1, 9)


def test_a_package_without_version_is_unknown() -> None:
    row = instance_of(replace(VIEWS, version=None), 30, platform=9)
    assert (row.version, row.version_code, row.status) == ("Unknown", 0, 0)


def test_a_package_in_the_sites_own_folder_counts_for_no_platform() -> None:
    assert instance_of(replace(VIEWS, local=True), 30, platform=9).platform == -1


def test_an_update_number_that_does_not_fit_is_cut_to_the_largest() -> None:
    assert instance_of(replace(VIEWS, schema_version=20240101001), 30, platform=9).schema_version == 2**31 - 1


def test_rows_are_added_changed_and_removed_by_what_differs() -> None:
    stored = [StoredInstance(1, instance(10)), StoredInstance(2, instance(11)), StoredInstance(3, instance(12))]
    plan = plan_instances(stored, [instance(10), instance(11, "7.2"), instance(13)])
    assert plan.added == (instance(13),)
    assert plan.changed == (StoredInstance(2, instance(11, "7.2")),)
    assert plan.removed == (3,)


def test_of_two_rows_of_one_package_the_older_stays() -> None:
    plan = plan_instances([StoredInstance(8, instance(10)), StoredInstance(3, instance(10))], [instance(10)])
    assert (plan.added, plan.changed, plan.removed) == ((), (), (8,))


instances = st.builds(instance, st.integers(1, 8), st.sampled_from(["7.1", "7.2"]), st.integers(0, 1))


@given(st.lists(instances, max_size=12), st.lists(instances, max_size=12))
def test_carrying_out_a_plan_gives_what_was_wanted(before: list[Instance], wanted: list[Instance]) -> None:
    rows = dict(enumerate(before, 100))
    plan = plan_instances([StoredInstance(iid, each) for iid, each in rows.items()], wanted)
    for iid in plan.removed:
        del rows[iid]
    for row in plan.changed:
        assert rows[row.iid].package_id == row.instance.package_id
        rows[row.iid] = row.instance
    result = sorted([*rows.values(), *plan.added], key=lambda each: each.package_id)
    expected = {each.package_id: each for each in wanted}
    assert result == sorted(expected.values(), key=lambda each: each.package_id)


def test_languages_are_replaced_only_when_they_differ() -> None:
    plan = plan_languages(
        {1: ["en"], 2: ["en"], 3: ["de"]}, {1: ("en",), 2: ("en", "fr"), 3: (), 4: ("en", "en")}, [3]
    )
    assert plan.cleared == (3, 2)
    assert plan.added == ((2, "en"), (2, "fr"), (4, "en"))


def test_a_language_code_that_does_not_fit_is_left_out() -> None:
    assert plan_languages({}, {1: ("x" * 13, "de")}).added == ((1, "de"),)


def test_two_thousand_packages_are_compared_in_a_moment() -> None:
    packages = [replace(VIEWS, short_name=f"m{number}", name=f"Module {number}") for number in range(2000)]
    nodes = [replace(node, nid=nid) for nid, node in enumerate(plan_packages([], packages).added)]
    begun = time.perf_counter()
    assert not plan_packages(nodes, packages)
    rows = [StoredInstance(nid, instance_of(package, nid, 9)) for nid, package in enumerate(packages)]
    assert not plan_instances(rows, [instance_of(package, nid, 9) for nid, package in enumerate(packages)]).changed
    assert time.perf_counter() - begun < 0.5
