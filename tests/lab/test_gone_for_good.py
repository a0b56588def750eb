"""A member that goes away in the middle of a verify and never comes back."""

from __future__ import annotations

import json

import pytest
from farm_system import ERROR, SUCCESS, Farm, clustered, farm_on, mentions

from provision_py.sandbox.lab.lab import Lab

#: Several tasks each, and machines that are not there take their time.
pytestmark = pytest.mark.timeout(300)

GONE = "server_web2labtest"
VHOST = "/var/aegir/config/server_web1labtest/apache/vhost.d/one.test"
GONE_VHOST = f"/var/aegir/config/{GONE}/nginx/vhost.d/one.test"


@pytest.fixture(scope="module")
def farm(lab_of_module: Lab) -> Farm:  # type: ignore[misc] # a generator, as pytest wants it
    with farm_on(lab_of_module) as hosting:
        yield clustered(hosting)


def test_a_member_that_is_gone_for_good(farm: Farm) -> None:
    lab, provision = farm.lab, farm.hosting.provision
    former = lab.web1.read(VHOST) + "# former\n"
    for host, file in ((lab.web1, VHOST), (lab.web2, GONE_VHOST)):
        host.write(file, former if host is lab.web1 else host.read(file) + "# former\n", user="aegir")
    with lab.faults.held(lab.web1, "/usr/sbin/apache2ctl") as held:
        task = farm.queue(farm.one)
        with farm.dispatching() as dispatcher:
            held.wait()
            assert lab.web1.read(VHOST) != former
            running = provision("recover", "--list")
            assert running.stdout == "Nothing is owed\n", "its process lives"
            lab.web2.stop_sshd()
            lab.web2.drop_ssh()
            held.release()
            dispatcher.wait(60)
    ran = farm.ran(task)
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_UNDO_FAILED", "web2.lab.test", "recover --list")
    assert lab.web1.read(VHOST) == former, "who can be reached is as before"
    assert "# former" not in lab.web2.read(GONE_VHOST)
    (journal,) = farm.journals()

    # It blocks everything else on the site.
    ran = farm.verify(farm.one)
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_UNDO_FAILED", "--without=@server")

    # What is owed, and why.
    told = provision("recover", "--list")
    mentions(told.stdout, journal, "provision-verify of @one.test", f"task {task}", f"@{GONE}", "PROVISION_SSH_")
    (owed,) = json.loads(provision("@one.test", "recover", "--list", "--format=json").stdout)
    assert (owed["journal"], owed["task"], owed["context"]) == (journal, task, "one.test")
    assert GONE in owed["steps"][0]["servers"]
    assert "web2" in owed["failure"]["what"]
    assert provision("@server_master", "recover", "--list").stdout == "Nothing is owed\n"
    tried = provision("recover", check=False)
    assert tried.returncode == 1
    mentions(tried.stderr, "PROVISION_UNDO_FAILED", "Still owed: provision-verify of @one.test")

    # Nobody takes it out of the way by accident.
    refused = provision("provision-save", f"@{GONE}", "--delete", check=False)
    assert refused.returncode == 1
    mentions(refused.stderr, "PROVISION_UNDO_OWED", f"recover --without=@{GONE}")
    unconfirmed = provision("recover", f"--without=@{GONE}", check=False)
    assert unconfirmed.returncode == 2
    mentions(unconfirmed.stderr, "--yes", GONE_VHOST)
    assert farm.journals() == [journal]

    # Its context need not be there any more.
    farm.hub.run(["rm", f"/var/aegir/.drush/{GONE}.alias.drushrc.php"])
    done = provision("recover", f"--without=@{GONE}", "--yes")
    mentions(done.stderr, "PROVISION_GIVEN_UP", f"@{GONE}", GONE_VHOST, "Nothing is owed any more")
    assert "server_web1labtest" not in done.stderr
    assert farm.journals() == []
    assert lab.web1.read(VHOST) == former
    kept = json.loads(farm.hub.read(f"/var/aegir/.provision-py/given-up/{journal}/given-up.json"))
    assert kept["context"] == "one.test"
    assert {left["server"] for left in kept["left"]} == {GONE}
    assert GONE_VHOST in [thing for left in kept["left"] for thing in left["things"]]
    again = provision("recover", f"--without=@{GONE}", "--yes")
    mentions(again.stderr, "Nothing is owed")

    # Without it, everything works again.
    db = farm.hosting.front_end.db
    db.execute("DELETE FROM {hosting_web_cluster} WHERE web_server_nid = %s", (farm.servers["web2"],))
    for nid in (farm.cluster, farm.platform_nid, farm.one):
        ran = farm.verify(nid)
        assert ran.status == SUCCESS, ran.log
    assert "# former" not in lab.web1.read(VHOST)
    farm.serves("one.test", "web1")


def test_giving_up_a_whole_undo(farm: Farm) -> None:
    """Nothing is undone; what it would have needed is kept."""
    lab, provision = farm.lab, farm.hosting.provision
    site = farm.add_site("given.test", farm.platform_nid)
    lab.web2.start_sshd()
    with lab.faults.held(lab.web1, "/usr/sbin/apache2ctl") as held, farm.dispatching() as dispatcher:
        held.wait()
        farm.kill_runners()
        dispatcher.wait(10)
    (journal,) = farm.journals()
    before = farm.databases()
    wrong = provision("recover", "--give-up=1-nothing", "--yes", check=False)
    assert wrong.returncode == 2
    mentions(wrong.stderr, "No undo 1-nothing is owed")
    assert farm.journals() == [journal]
    done = provision("recover", f"--give-up={journal}", "--yes")
    mentions(done.stderr, "PROVISION_GIVEN_UP", "@server_web1labtest", "given.test")
    assert farm.journals() == []
    assert farm.databases() == before
    folder = f"/var/aegir/.provision-py/given-up/{journal}"
    assert sorted(farm.hub.sh('ls "$1"', folder).split()) == ["given-up.json", "journal.jsonl", "vault"]
    assert lab.web1.exists("/var/aegir/config/server_web1labtest/apache/vhost.d/given.test")
    assert site
