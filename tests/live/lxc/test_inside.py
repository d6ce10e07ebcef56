"""Inside real containers: commands, confinement, figures, devices, snapshots."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from polyvisor.errors import HypervisorError, InvalidState, UnsupportedConfiguration
from polyvisor.operations.guest import AddressSource
from polyvisor.operations.records import Affect, DomainState
from polyvisor.operations.statistics import StatsGroup

from .conftest import ready, until

pytestmark = pytest.mark.live

CARD = "<interface type='ethernet'><mac address='52:54:00:6c:78:01'/><ip address='10.77.0.2' prefix='24'/></interface>"


# -- commands -------------------------------------------------------------------------------------------------


def test_the_status_of_a_command_passes_through(box, inside) -> None:
    assert inside(box, "sh", "-c", "echo in; exit 5", status=5) == "in\n"
    inside(box, "no-such-program", status=127)


def test_words_reach_a_command_as_they_are(box, inside) -> None:
    said = inside(box, "sh", "-c", 'for word; do echo "<$word>"; done', "sh", "two words", "$HOME", "*")
    assert said.splitlines() == ["<two words>", "<$HOME>", "<*>"]


def test_nothing_runs_in_a_container_that_is_off_or_frozen(box, inside) -> None:
    box.suspend()
    inside(box, "true", status=1)
    box.destroy()
    inside(box, "true", status=1)


def test_signals_are_sent_by_the_numbers_of_the_container(box, inside) -> None:
    with pytest.raises(InvalidState, match="no handler"):
        box.send_signal(1, "usr2")
    box.send_signal(1, "winch")
    sleeper = next(line.split()[0] for line in inside(box, "ps").splitlines() if "sleep 3600" in line)
    box.send_signal(int(sleeper), "kill")
    assert box.state().state is DomainState.RUNNING


# -- confinement ----------------------------------------------------------------------------------------------


def audit(uri: str, name: str) -> tuple[int, dict[str, bool]]:
    words = [sys.executable, "-m", "polyvisor.cli", "-c", uri, "--json", "lxc", "audit", name]
    done = subprocess.run(words, capture_output=True, text=True)
    return done.returncode, {one["aspect"]: one["confined"] for one in json.loads(done.stdout)}


def test_a_container_is_confined_by_default(box, inside, uri) -> None:
    status, found = audit(uri, box.name)
    assert status == 0
    assert [aspect for aspect, held in found.items() if not held] in ([], ["mandatory access control"])
    said = inside(box, "cat", "/proc/self/status")
    assert "NoNewPrivs:\t1" in said and "Seccomp:\t2" in said
    assert box.messages() == []


@pytest.mark.parametrize(
    ("relaxed", "aspect"),
    [
        ("userns='no'", "user namespace"),
        ("seccomp='no'", "seccomp"),
        ("nonewprivs='no'", "no new privileges"),
        ("masks='no'", "masked files"),
        ("sysro='no'", "read-only /proc/sys and /sys"),
    ],
)
def test_a_document_relaxes_what_it_names_and_no_more(connection, document, uri, relaxed, aspect) -> None:
    wish = f"<container:confinement xmlns:container='urn:polyvisor:lxc:1' {relaxed}/></domain>"
    domain = connection.define(document().replace("</domain>", wish)).start()
    ready(domain)
    status, found = audit(uri, domain.name)
    assert status == 1
    assert found.pop(aspect) is False
    assert [name for name, held in found.items() if not held] in ([], ["mandatory access control"])
    assert any("relaxed" in message for message in domain.messages())


def test_capabilities_are_the_documents(connection, document, inside) -> None:
    policy = "<features><privnet/><capabilities policy='deny'><chown state='on'/></capabilities></features>"
    domain = connection.define(document().replace("<features><privnet/></features>", policy)).start()
    ready(domain)
    bounding = next(line for line in inside(domain, "cat", "/proc/1/status").splitlines() if line.startswith("CapBnd"))
    assert int(bounding.split()[1], 16) == 1


# -- what it sees and uses ------------------------------------------------------------------------------------


def test_what_is_seen_inside_is_told(connection, document, inside) -> None:
    domain = connection.define(document(devices=CARD)).start()
    ready(domain)
    cards = {one.name: one for one in domain.guest_interfaces(source=AddressSource.AGENT)}
    assert cards["eth0"].mac == "52:54:00:6c:78:01"
    assert ("ipv4", "10.77.0.2", 24) in [(one.family, one.address, one.prefix) for one in cards["eth0"].addresses]
    assert domain.guest_hostname() == inside(domain, "hostname").strip() == "box"
    assert "/" in [one.mountpoint for one in domain.guest_filesystems()]
    assert domain.guest_info().values["hostname"] == "box"
    domain.interface_stats("52:54:00:6c:78:01")


def test_figures_of_all_containers_come_in_one_call(connection, document) -> None:
    for name in ("one", "two"):
        ready(connection.define(document(name, devices=CARD if name == "one" else "")).start())
    found = {stats.ref.name: stats.values for stats in connection.domain_stats()}
    assert set(found) == {"one", "two"}
    assert found["one"]["cpu.time"] > 0
    assert found["one"]["net.count"] == 1
    assert 0 < found["one"]["balloon.rss"] <= 65536
    assert found["two"]["net.count"] == 0
    (only,) = connection.domain_stats(domains=[connection.domain("two").ref], groups=[StatsGroup.CPU])
    assert {name.partition(".")[0] for name in only.values} == {"cpu"}


def test_memory_is_limited(connection, document, inside) -> None:
    domain = connection.define(document()).start()
    ready(domain)
    hog = "i=xxxxxxxxxxxxxxxx; while :; do i=$i$i; done"
    inside(domain, "sh", "-c", hog, status=137)
    assert domain.state().state is DomainState.RUNNING, "the kernel ends who takes too much, not the container"
    domain.set_memory_limits({"hard_limit": 32768})
    assert domain.memory_limits().values["hard_limit"] == 32768
    assert domain.memory_stats().available == 32768


def test_limits_reach_the_kernel(box, inside) -> None:
    from polyvisor_lxc.cgroups import Group, hierarchies

    init = int(_init(box))
    group = Group.of(init, hierarchies())
    if group.version("cpu") != 1:
        pytest.skip("these are files of version 1")
    box.set_scheduler_parameters({"cpu_shares": 512, "vcpu_period": 50000, "vcpu_quota": 25000})
    assert group.number("cpu", "cpu.shares") == 512
    assert (group.number("cpu", "cpu.cfs_period_us"), group.number("cpu", "cpu.cfs_quota_us")) == (50000, 25000)
    box.pin_vcpu(0, {0})
    assert (group.read("cpuset", "cpuset.cpus") or "").strip() == "0"
    box.pin_vcpu(0, None)
    assert (group.read("cpuset", "cpuset.cpus") or "").strip() != "0"


def _init(domain) -> str:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "status").read_text()
                group = (entry / "cgroup").read_text()
            except OSError:
                continue
            if f"lxc.payload.{domain.uuid}" in group and status.split("NSpid:")[1].split("\n")[0].split()[-1] == "1":
                return entry.name
    raise AssertionError("the container has no init")


def test_keys_are_written_as_their_user(box, inside, root) -> None:
    (root / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n")
    inside(box, "sh", "-c", "busybox mkdir -p /home/ann && busybox chown 1000:1000 /home/ann")
    box.set_guest_ssh_keys("ann", ["ssh-ed25519 AAAA one"])
    box.set_guest_ssh_keys("ann", ["ssh-ed25519 BBBB two"], append=True)
    assert box.guest_ssh_keys("ann") == ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"]
    box.set_guest_ssh_keys("ann", ["ssh-ed25519 AAAA one"], remove=True)
    assert box.guest_ssh_keys("ann") == ["ssh-ed25519 BBBB two"]
    assert inside(box, "ls", "-ln", "/home/ann/.ssh/authorized_keys").split()[2] == "1000"
    with pytest.raises(HypervisorError, match="no user 'bob'"):
        box.guest_ssh_keys("bob")


# -- devices --------------------------------------------------------------------------------------------------


def test_interfaces_come_and_go(box, inside) -> None:
    box.attach_device(CARD)
    assert "eth0" in inside(box, "ip", "address")
    box.detach_device(CARD)
    assert "eth0" not in inside(box, "ip", "address")


def test_directories_come_and_go_with_the_ids_of_the_container(box, inside, tmp_path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "note").write_text("from the host")
    filesystem = f"<filesystem type='mount'><source dir='{shared}'/><target dir='/mnt/shared'/></filesystem>"
    box.attach_device(filesystem)
    assert inside(box, "cat", "/mnt/shared/note") == "from the host"
    inside(box, "sh", "-c", "echo back > /mnt/shared/answer")
    assert ((shared / "answer").read_text(), (shared / "answer").stat().st_uid) == ("back\n", 0)
    box.detach_device(filesystem)
    inside(box, "cat", "/mnt/shared/note", status=1)


def test_what_is_read_only_cannot_be_written(box, inside, tmp_path) -> None:
    filesystem = (
        f"<filesystem type='mount'><source dir='{tmp_path}'/><target dir='/mnt/still'/><readonly/></filesystem>"
    )
    box.attach_device(filesystem)
    inside(box, "touch", "/mnt/still/x", status=1)


def test_memory_is_mounted_at_the_size_asked_for(box, inside) -> None:
    box.attach_device("<filesystem type='ram'><source usage='1024'/><target dir='/mnt/ram'/></filesystem>")
    assert "size=1024k" in inside(box, "mount")


def test_a_device_of_the_host_comes_and_goes(box, inside) -> None:
    device = "<hostdev mode='capabilities' type='misc'><source><char>/dev/kmsg</char></source></hostdev>"
    try:
        box.attach_device(device)
    except UnsupportedConfiguration as error:
        pytest.skip(str(error))
    assert inside(box, "ls", "/dev/kmsg").strip() == "/dev/kmsg"
    box.detach_device(device)
    inside(box, "ls", "/dev/kmsg", status=1)


def test_a_device_that_cannot_be_plugged_in_changes_nothing(box) -> None:
    before = box.xml()
    with pytest.raises(UnsupportedConfiguration, match="no bridge"):
        box.attach_device("<interface type='bridge'><source bridge='br-none'/></interface>", affect=Affect.BOTH)
    assert box.xml() == before


# -- snapshots and clones -------------------------------------------------------------------------------------


def test_a_snapshot_brings_back_what_was_on_disk(box, inside, root) -> None:
    inside(box, "sh", "-c", "echo before > /note")
    snapshot = box.create_snapshot("<domainsnapshot><name>before</name></domainsnapshot>")
    assert box.state().state is DomainState.RUNNING
    inside(box, "sh", "-c", "echo after > /note")
    snapshot.revert()
    assert (root / "note").read_text() == "before\n"
    assert box.refresh().state().state is DomainState.RUNNING
    assert not any("polyvisor" in name for name in os.listdir(root.parent)), "nothing is left beside the root"


def test_deleting_snapshots_leaves_the_container_as_it_is(box, inside, root, tmp_path) -> None:
    snapshot = box.create_snapshot()
    inside(box, "sh", "-c", "echo now > /note")
    snapshot.delete()
    assert (root / "note").read_text() == "now\n"
    left = [path for path in (tmp_path / "state").glob("lxc/state/snapshots/*/*") if path.is_dir()]
    assert left == []


def test_a_clone_is_a_container_of_its_own(connection, document, uri, inside, root) -> None:
    domain = connection.define(document())
    words = [sys.executable, "-m", "polyvisor.cli", "-c", uri, "lxc", "clone", domain.name, "copy"]
    subprocess.run(words, check=True, capture_output=True)
    copy = connection.domain("copy").start()
    ready(copy)
    inside(copy, "touch", "/mark")
    assert (root.parent / "root-copy" / "mark").exists()
    assert not (root / "mark").exists()
    assert copy.uuid != domain.uuid


# -- faults ---------------------------------------------------------------------------------------------------


def test_a_missing_root_is_named(connection, document, tmp_path) -> None:
    domain = connection.define(document(root=tmp_path / "nowhere"))
    with pytest.raises(UnsupportedConfiguration, match=r"root .*nowhere.* does not exist"):
        domain.start()
    assert domain.state().state is DomainState.SHUT_OFF


def test_a_missing_init_is_named(connection, document) -> None:
    domain = connection.define(document(init="/sbin/nothing"))
    with pytest.raises(UnsupportedConfiguration, match="no program /sbin/nothing"):
        domain.start()


def test_an_init_that_cannot_be_executed_is_told_in_the_kernels_words(connection, document, root) -> None:
    (root / "bin" / "text").write_text("#!/no/such/interpreter\n")
    (root / "bin" / "text").chmod(0o755)
    domain = connection.define(document(init="/bin/text"))
    with pytest.raises(HypervisorError, match="/bin/text") as refusal:
        domain.start()
    assert refusal.value.hint
    assert domain.state().reason == "failed"


def test_a_missing_bridge_is_named_with_what_to_do(connection, document) -> None:
    domain = connection.define(document(devices="<interface type='bridge'><source bridge='br-none'/></interface>"))
    with pytest.raises(UnsupportedConfiguration, match="no bridge 'br-none'") as refusal:
        domain.start()
    assert "ip link add" in (refusal.value.hint or "")


def test_a_read_only_image_is_named(connection, document, tmp_path, monkeypatch) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(1 << 20))
    disk = (
        f"<filesystem type='file'><driver type='loop' format='raw'/><source file='{image}'/>"
        "<target dir='/data'/></filesystem>"
    )
    domain = connection.define(document(devices=disk))
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: False if str(path) == str(image) else real(path, mode))
    with pytest.raises(UnsupportedConfiguration, match="cannot be written"):
        domain.start()


def test_an_init_killed_for_want_of_memory_ends_its_container(connection, document) -> None:
    hog = "i=xxxxxxxxxxxxxxxx; while :; do i=$i$i; done"
    domain = connection.define(document(init="/bin/sh", arguments=("-c", hog))).start()
    assert until(lambda: domain.state().state is DomainState.SHUT_OFF, 60)
    assert domain.state().reason == "crashed"
