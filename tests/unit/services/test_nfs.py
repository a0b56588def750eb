from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from provision_py.contexts.model import Server
from provision_py.errors import ContextError, ServiceError, UsageError
from provision_py.php.values import php_list
from provision_py.services import nfs


def web(name: str, host: str = "") -> Server:
    return Server(name, host or f"{name}.test", "/var/aegir", "aegir", service_types={"http": "apache"})


MEMBERS = {name: web(name) for name in ("m1", "m2", "s1", "s2")}
LISTS = {"master_web_servers": php_list(["@m1"]), "slave_web_servers": php_list(["@s1", "@s2"])}
PACK = replace(web("pack"), service_types={"http": "pack"}, members=MEMBERS, properties=LISTS)
EXPORT = "(rw,sync,no_subtree_check,root_squash)"
MOUNT = "rw,hard,noatime,nosuid,nodev,_netdev,nofail"


def test_lines_for_exactly_these_hosts() -> None:
    setup = nfs.nfs_setup(PACK, ["/var/aegir/platforms/d7"])
    assert setup.exports() == [f"/var/aegir/platforms s1.test{EXPORT} s2.test{EXPORT}"]
    assert setup.fstab() == [f"m1.test:/var/aegir/platforms /var/aegir/platforms nfs {MOUNT} 0 0"]


def test_platforms_that_lie_elsewhere_are_shared_too() -> None:
    roots = ["/srv/b/d8", "/srv/a", "/srv/a/d7", "/var/aegir/platforms", "/var/aegir/platforms2"]
    assert nfs.nfs_setup(PACK, roots).folders == (
        "/var/aegir/platforms",
        "/srv/a",
        "/srv/b/d8",
        "/var/aegir/platforms2",
    )


def test_addresses_in_place_of_names() -> None:
    members = MEMBERS | {"m1": web("m1", "fd00::1"), "s1": web("s1", "10.0.0.2")}
    setup = nfs.nfs_setup(replace(PACK, members=members), [])
    assert setup.fstab()[0].startswith("[fd00::1]:/var/aegir/platforms /")
    assert "10.0.0.2(rw" in setup.exports()[0]


def test_all_masters_export_and_the_first_is_mounted() -> None:
    lists = LISTS | {"master_web_servers": php_list(["@m2", "@m1"])}
    text = nfs.render(nfs.nfs_setup(replace(PACK, properties=lists), []))
    assert text.count("exportfs -ra") == 2
    assert "m2.test:/var/aegir/platforms /var/aegir/platforms nfs" in text
    assert "m1.test:/var" not in text


def test_a_slave_on_the_masters_machine_mounts_nothing() -> None:
    setup = nfs.nfs_setup(replace(PACK, members=MEMBERS | {"s1": web("s1", "M1.test")}), [])
    assert [slave.name for slave in setup.slaves] == ["s2"]


def test_the_hub_mounts_nothing_over_its_own_code() -> None:
    hub = replace(web("server_master"), remote_host="hub.invalid")
    lists = LISTS | {"slave_web_servers": php_list(["@s1", "@server_master"])}
    pack = replace(PACK, members=MEMBERS | {"server_master": hub}, properties=lists)
    setup = nfs.nfs_setup(pack, [])
    assert [slave.name for slave in setup.slaves] == ["s1"]
    text = nfs.render(setup)
    assert "hub.invalid" not in text
    assert "# @server_master is left out" in text
    assert "left out" not in nfs.render(nfs.nfs_setup(PACK, []))
    at_hub = replace(pack, properties={"master_web_servers": "@server_master", "slave_web_servers": "@s1"})
    assert nfs.nfs_setup(at_hub, []).left_out == ()


@pytest.mark.parametrize(
    ("pack", "error", "message"),
    [
        (replace(PACK, service_types={"http": "cluster"}), UsageError, "no pack but of the type cluster"),
        (replace(PACK, service_types={}), UsageError, "no pack"),
        (replace(PACK, properties=LISTS | {"slave_web_servers": {}}), UsageError, "no slaves"),
        (replace(PACK, properties=LISTS | {"master_web_servers": {}}), ContextError, "no members"),
        (replace(PACK, members=MEMBERS | {"m1": web("m1", "localhost")}), ContextError, "another machine on each"),
        (
            replace(PACK, members=MEMBERS | {"s1": web("s1", "127.0.0.1"), "s2": web("s2", "::1")}),
            UsageError,
            "@s1 is this machine: a mount would cover",
        ),
        (replace(PACK, members=MEMBERS | {"s2": web("s2", "a(rw) *")}), ServiceError, "host name"),
        (replace(PACK, aegir_root="/var/aegir\n*"), ServiceError, "path"),
    ],
)
def test_what_cannot_be_set_up(pack: Server, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        nfs.nfs_setup(pack, [])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("/a b", r"/a\040b"),
        ("/a\tb\n", r"/a\011b\012"),
        ("/a\\b", r"/a\134b"),
        ("/a#b", r"/a\043b"),
        ("/é", r"/\303\251"),
    ],
)
def test_words_of_fstab_and_exports(text: str, word: str) -> None:
    assert nfs.octal_word(text) == word


@pytest.mark.skipif(shutil.which("findmnt") is None, reason="findmnt is not installed")
def test_mount_reads_the_lines_as_they_are_meant(tmp_path: Path) -> None:
    folder = "/srv/a b"
    setup = nfs.nfs_setup(PACK, [folder])
    table = tmp_path / "fstab"
    table.write_text("\n".join([*setup.fstab(), ""]))
    argv = ["findmnt", "--tab-file", str(table), "--raw", "--noheadings", "--output", "SOURCE,TARGET,FSTYPE,OPTIONS"]
    rows = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    assert rows[1] == rf"m1.test:/srv/a\x20b /srv/a\x20b nfs {MOUNT}"


#: What wants a machine of its own.
NOT_HERE = ("apt-get ", "exportfs ", "[ -d ", "mkdir -p /srv", "mkdir -p '/srv", "mkdir -p /var", "mountpoint ")


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    for name in ("exports", "fstab"):
        (tmp_path / name).write_text("# mine\n")
    return tmp_path


def ran(etc: Path, setup: nfs.NfsSetup) -> list[str]:
    """What all parts of the text say when they are run twice; the second time nothing is left to change."""
    text = nfs.render(setup)
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)
    lines = [line for line in text.splitlines() if not line.startswith(NOT_HERE)]
    script = "\n".join(lines).replace("/etc/", f"{etc}/")
    first = subprocess.run(["sh", "-eu"], input=script, capture_output=True, text=True, check=True)
    state = {file: file.read_text() for file in etc.rglob("*") if file.is_file()}
    second = subprocess.run(["sh", "-eu"], input=script, capture_output=True, text=True, check=True)
    assert state == {file: file.read_text() for file in etc.rglob("*") if file.is_file()}
    assert "taken out" not in second.stdout + second.stderr
    return (first.stderr + first.stdout).replace(f"{etc}/", "/etc/").splitlines()


def test_the_text_is_a_script_that_may_run_twice(etc: Path) -> None:
    setup = nfs.nfs_setup(PACK, ["/srv/a b"])
    said = ran(etc, setup)
    assert (etc / "exports.d/aegir-pack.exports").read_text().splitlines() == setup.exports()
    assert (etc / "exports").read_text() == "# mine\n"
    assert (etc / "fstab").read_text().splitlines() == ["# mine", *setup.fstab()]
    assert len(said) == 1, "only of the lines that were added to fstab, and where the former file is"
    (copy,) = etc.glob("fstab.*")
    assert copy.read_text() == "# mine\n"


def test_a_slave_that_was_taken_out_is_exported_to_no_more(etc: Path) -> None:
    folder = "/var/aegir/platforms"
    ran(etc, nfs.nfs_setup(PACK, []))
    ran(etc, nfs.nfs_setup(replace(PACK, properties=LISTS | {"slave_web_servers": php_list(["@s1"])}), []))
    assert (etc / "exports.d/aegir-pack.exports").read_text() == f"{folder} s1.test{EXPORT}\n"


def test_lines_of_former_versions_go_and_those_of_people_stay(etc: Path) -> None:
    folder = "/var/aegir/platforms"
    other = replace(PACK, name="other", members={"m1": web("m1"), "s3": web("s3")})
    other = replace(other, properties=LISTS | {"slave_web_servers": php_list(["@s3"])})
    former = f"{folder} s1.test{EXPORT} gone.test{EXPORT}"
    mixed = f"{folder} gone.test{EXPORT} s3.test{EXPORT}"
    own = f"{folder} 10.0.0.0/24(ro)"
    text = f"# mine\n{former}\n{mixed}\n{own}\n/srv/x gone.test{EXPORT}\n{folder}2 \\\n  gone.test{EXPORT}"
    (etc / "exports").write_text(text)
    said = ran(etc, nfs.nfs_setup(PACK, ["/srv/a b"], [PACK, other]))
    assert (etc / "exports").read_text() == text.replace(f"{former}\n", "").replace(
        f"gone.test{EXPORT} s3", "s3"
    ) + "\n"
    (copy,) = etc.glob("exports.2*")
    assert copy.read_text() == text
    for line in (
        f"/etc/exports: taken out: {former}",
        f"/etc/exports: only slaves of other packs are left of: {mixed}",
        f"/etc/exports: a line of your own shares it too and stays: {own}",
        f"/etc/exports was changed; as it was before: /etc/{copy.name}",
    ):
        assert line in said


def test_fstab_has_one_line_for_a_folder(etc: Path) -> None:
    setup = nfs.nfs_setup(PACK, ["/srv/a b", "/srv/own"])
    now, spaced, own = setup.fstab()
    former = nfs.fstab_line("m0.test", "/var/aegir/platforms")
    mine = "m1.test:/srv/own  /srv/own  nfs  rw  0 0"
    (etc / "fstab").write_text("\n".join(["# mine", former, f"#{now}", mine, spaced.replace(" ", "\t"), spaced]))
    said = ran(etc, setup)
    assert (etc / "fstab").read_text().splitlines() == ["# mine", f"#{now}", mine, spaced.replace(" ", "\t"), now]
    assert f"/etc/fstab: taken out (umount /var/aegir/platforms if that is mounted): {former}" in said
    assert f"/etc/fstab: taken out, as it stood there twice: {spaced}" in said
    assert f"/etc/fstab: a line of your own mounts it and stays: {mine}" in said
    assert own not in (etc / "fstab").read_text()


def test_slaves_of_other_packs_with_the_same_master() -> None:
    other = replace(PACK, name="other")
    apart = replace(other, name="apart", properties=LISTS | {"master_web_servers": php_list(["@s1"])})
    broken = replace(other, name="broken", members={"x": web("x")})
    pack = replace(PACK, properties=LISTS | {"slave_web_servers": php_list(["@s1"])})
    assert nfs.nfs_setup(pack, [], [pack, apart]).others == ()
    setup = nfs.nfs_setup(pack, [], [pack, other, broken])
    assert setup.others == ("s1.test", "s2.test", "x.test")
    assert "duplicated" in nfs.render(setup)
    assert "duplicated" not in nfs.render(replace(setup, others=("s2.test",)))
