"""Control groups of both versions, on recorded trees: no container is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import polyvisor
from polyvisor import model
from polyvisor.documents import Element, read
from polyvisor.errors import HostError, InvalidArgument, UnsupportedConfiguration
from polyvisor.model.domain.devices.hostdev import Hostdev
from polyvisor.spi import DomainState, StateInfo
from polyvisor_lxc import changes, devices, guests, limits, quantities, statistics, tools
from polyvisor_lxc.cgroups import Group, Hierarchies, hierarchies
from polyvisor_lxc.model import CLASSES

V1_FILES = {
    "memory": {
        "memory.limit_in_bytes": "67108864\n",
        "memory.memsw.limit_in_bytes": "9223372036854771712\n",
        "memory.usage_in_bytes": "16777216\n",
        "memory.stat": (
            "cache 4096\nrss 8192\ntotal_cache 1048576\ntotal_rss 8388608\ntotal_pgfault 700\ntotal_pgmajfault 3\n"
        ),
    },
    "cpu": {"cpu.shares": "1024\n", "cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"},
    "cpuacct": {"cpuacct.usage": "5000000000\n", "cpuacct.stat": "user 300\nsystem 100\n"},
    "blkio": {
        "blkio.throttle.io_serviced_recursive": "8:0 Read 4\n8:0 Write 2\n8:0 Total 6\nTotal 6\n",
        "blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 1024\n8:0 Total 5120\nTotal 5120\n",
        "blkio.throttle.read_bps_device": "8:0 1000\n",
    },
    "freezer": {"freezer.state": "THAWED\n"},
    "pids": {"cgroup.procs": "12\n15\n"},
}
V2_FILES = {
    "cgroup.controllers": "cpuset cpu io memory pids\n",
    "cgroup.procs": "12\n",
    "cgroup.freeze": "0\n",
    "cgroup.events": "populated 1\nfrozen 0\n",
    "memory.max": "67108864\n",
    "memory.swap.max": "max\n",
    "memory.current": "16777216\n",
    "memory.stat": "anon 8388608\nfile 1048576\npgfault 700\npgmajfault 3\n",
    "cpu.weight": "100\n",
    "cpu.max": "max 100000\n",
    "cpu.stat": "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 1000000\n",
    "io.stat": "8:0 rbytes=4096 wbytes=1024 rios=4 wios=2 dbytes=0 dios=0\n",
    "io.max": "8:0 rbps=1000 wbps=max riops=max wiops=max\n",
}


@pytest.fixture(params=["v1", "v2"])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Group, Hierarchies]:
    """The groups of one container, and the host's hierarchies, of either version."""
    if request.param == "v1":
        for controller, files in V1_FILES.items():
            directory = tmp_path / controller / "box"
            directory.mkdir(parents=True)
            for name, text in files.items():
                (directory / name).write_text(text)
        where = Hierarchies(
            {name: f"{tmp_path}/{name}" for name in (*V1_FILES, "cpuset", "devices")}, None, frozenset()
        )
        return Group({name: f"{tmp_path}/{name}/box" for name in V1_FILES}), where
    (tmp_path / "box").mkdir()
    for name, text in V2_FILES.items():
        (tmp_path / "box" / name).write_text(text)
    has = frozenset("cpuset cpu io memory pids".split())
    return Group({"": f"{tmp_path}/box"}), Hierarchies({}, str(tmp_path), has)


@pytest.fixture
def group(recorded: tuple[Group, Hierarchies]) -> Group:
    return recorded[0]


@pytest.fixture
def where(recorded: tuple[Group, Hierarchies]) -> Hierarchies:
    return recorded[1]


# -- what is counted ------------------------------------------------------------------------------------------


def test_cpu_time_is_the_same_in_both_versions(group: Group) -> None:
    use = statistics.cpu_use(group)
    assert use.total_ns == 5_000_000_000
    assert (use.user_ns, use.system_ns) == (3_000_000_000, 1_000_000_000)


def test_memory_is_the_same_in_both_versions(group: Group) -> None:
    use = statistics.memory_use(group, 65536)
    assert (use.available, use.unused, use.usable) == (65536, 49152, 50176)
    assert (use.rss, use.disk_caches, use.major_faults, use.minor_faults) == (8192, 1024, 3, 697)


def test_blocks_are_the_same_in_both_versions(group: Group) -> None:
    (counted,) = statistics.block_use(group).values()
    assert counted == {"read_requests": 4, "read_bytes": 4096, "write_requests": 2, "write_bytes": 1024}


def test_a_group_that_is_gone_has_no_figures() -> None:
    gone = Group({"cpuacct": "/nowhere/box", "blkio": "/nowhere/box"})
    assert gone.cpu_time_ns() is None
    assert statistics.block_use(gone) == {}
    assert gone.processes() == []


# -- what is asked for ----------------------------------------------------------------------------------------


def domain(extra: str = ""):
    from polyvisor import model
    from polyvisor.model.domain.completion import complete

    text = f"""<domain type='lxc'><name>box</name><memory unit='MiB'>64</memory>{extra}
      <os><type>exe</type></os></domain>"""
    return complete(model.parse("domain", text))


TUNED = "<memtune><hard_limit>32768</hard_limit><swap_hard_limit>40960</swap_hard_limit></memtune>"
SCHEDULED = "<cputune><shares>512</shares><period>50000</period><quota>25000</quota></cputune>"


def test_a_document_becomes_settings_of_the_version_that_is_there(where: Hierarchies) -> None:
    found = {name: text for _, name, text in quantities.of(domain(TUNED + SCHEDULED), where)}
    if where.v1:
        assert found == {
            "memory.limit_in_bytes": "33554432",
            "memory.memsw.limit_in_bytes": "41943040",
            "cpu.shares": "512",
            "cpu.cfs_period_us": "50000",
            "cpu.cfs_quota_us": "25000",
        }
    else:
        assert found == {
            "memory.max": "33554432",
            "memory.swap.max": "8388608",
            "cpu.weight": "512",
            "cpu.max": "25000 50000",
        }


def test_only_what_differs_is_written(where: Hierarchies) -> None:
    assert quantities.difference(domain(SCHEDULED), domain(SCHEDULED), where) == []
    changed = quantities.difference(domain(), domain(SCHEDULED), where)
    assert {name for _, name, _ in changed} <= {
        "cpu.shares",
        "cpu.cfs_period_us",
        "cpu.cfs_quota_us",
        "cpu.weight",
        "cpu.max",
    }


def test_what_is_no_longer_asked_for_is_put_back(where: Hierarchies) -> None:
    found = {name: text for _, name, text in quantities.difference(domain(SCHEDULED), domain(), where)}
    expected = (
        {"cpu.shares": "1024", "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "-1"}
        if where.v1
        else {"cpu.weight": "100", "cpu.max": "max 100000"}
    )
    assert found == expected


def test_all_is_written_or_nothing(group: Group, where: Hierarchies) -> None:
    version = group.version("cpu")
    name = "cpu.shares" if version == 1 else "cpu.weight"
    before = group.read("cpu", name)
    with pytest.raises(HostError, match="nonesuch"):
        changes.write(group, [("cpu", name, "7"), ("cpu", "nonesuch", "1")])
    assert (group.read("cpu", name) or "").strip() == (before or "").strip()


def test_what_was_written_can_be_put_back(group: Group) -> None:
    name = "cpu.shares" if group.version("cpu") == 1 else "cpu.weight"
    before = (group.read("cpu", name) or "").strip()
    undo = changes.write(group, [("cpu", name, "70")])
    undo()
    # what is written shorter over a longer text of an ordinary file leaves its end; a control file has no such end
    assert (group.read("cpu", name) or "").startswith(before)


def test_shares_are_weights_in_version_2_within_its_range() -> None:
    assert quantities.cpu_shares(2, 512) == ("cpu", "cpu.weight", "512")
    for shares in (0, 10001):
        with pytest.raises(UnsupportedConfiguration, match="1 to 10000"):
            quantities.cpu_shares(2, shares)


def test_memory_is_guaranteed_in_version_2_only() -> None:
    assert quantities.memory_guarantee(2, 4) == ("memory", "memory.min", "4096")
    with pytest.raises(UnsupportedConfiguration, match="version 2"):
        quantities.memory_guarantee(1, 4)


# -- standing still -------------------------------------------------------------------------------------------


def test_a_container_stands_still_in_either_version(group: Group) -> None:
    assert not group.frozen()
    group.freeze(True)
    assert group.frozen()


def test_what_a_host_does_not_have_is_told() -> None:
    with pytest.raises(UnsupportedConfiguration, match="memory control group"):
        Group({"cpu": "/nowhere"}).version("memory")


def test_what_is_not_delegated_is_told_with_what_to_do(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(HostError, match="cpu") as refusal:
        group.write("cpu", "cpu.max", "1")
    assert "delegated" in (refusal.value.hint or "")


# -- which is where -------------------------------------------------------------------------------------------

HYBRID = """cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,name=systemd 0 0
cgroup2 {v2} cgroup2 rw,relatime 0 0
cgroup /elsewhere/cpu cgroup rw,relatime,cpu 0 0
"""


def test_hierarchies_are_read_from_the_mounts(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("hugetlb io\n")
    mounts = tmp_path / "mounts"
    mounts.write_text(HYBRID.format(v2=tmp_path))
    found = hierarchies(str(mounts))
    assert found.v1["cpu"] == "/sys/fs/cgroup/cpu", "the first mount counts"
    assert found.v2 == str(tmp_path)
    versions = {name: found.version(name) for name in ("cpu", "memory", "blkio", "devices", "rdma")}
    assert versions == {"cpu": 1, "memory": 1, "blkio": 2, "devices": None, "rdma": None}


def test_the_groups_of_a_process_are_read_from_its_memberships(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text(
        "4:memory:/lxc.payload.box\n2:cpu,cpuacct:/lxc.payload.box\n0::/lxc.payload.box\n"
    )
    where = Hierarchies({"memory": "/m", "cpu": "/c", "cpuacct": "/c"}, "/u", frozenset())
    found = Group.of(7, where, proc=str(tmp_path)).paths
    assert found == {
        "memory": "/m/lxc.payload.box",
        "cpu": "/c/lxc.payload.box",
        "cpuacct": "/c/lxc.payload.box",
        "": "/u/lxc.payload.box",
    }


@pytest.mark.parametrize(
    ("where", "most", "default"),
    [
        (Hierarchies({"cpu": "/cpu"}, None, frozenset()), 262144, 1024),
        (Hierarchies({}, "/u", frozenset({"cpu"})), 10000, 100),
    ],
)
def test_shares_are_what_the_version_of_the_host_has(
    tmp_path: Path, where: Hierarchies, most: int, default: int
) -> None:
    with polyvisor.open(f"lxc:///embed?root={tmp_path}") as connection:
        connection._invoker.session.hierarchies = where
        domain = connection.define(
            "<domain type='lxc'><name>box</name><memory>65536</memory><os><type>exe</type></os><devices><filesystem>"
            "<source dir='/srv/box'/><target dir='/'/></filesystem></devices></domain>"
        )
        assert domain.scheduler().parameters.values["cpu_shares"] == default
        domain.set_scheduler_parameters({"cpu_shares": most})
        with pytest.raises(InvalidArgument, match=str(most)):
            domain.set_scheduler_parameters({"cpu_shares": most + 1})


# -- limits that nobody would be held to ----------------------------------------------------------------------

LIMITED = """<domain type='lxc'><name>box</name><memory unit='MiB'>64</memory>{more}
  <os><type>exe</type><init>/init</init></os>{relaxed}
  <devices><filesystem type='mount'><source dir='/srv'/><target dir='/'/></filesystem></devices></domain>"""
RELAXED = "<container:confinement xmlns:container='urn:polyvisor:lxc:1' limits='no'/>"
LITTLE = (Hierarchies({}, "/sys/fs/cgroup", frozenset({"pids"})), Hierarchies({"freezer": "/f"}, None, frozenset()))


def limited(more: str = "", relaxed: str = "") -> Any:
    text = LIMITED.format(more=more, relaxed=relaxed)
    return model.complete("domain", model.parse("domain", text, contributions=CLASSES))


@pytest.mark.parametrize("where", LITTLE, ids=["v2", "v1"])
def test_a_limit_that_would_hold_nobody_is_refused(where: Hierarchies) -> None:
    with pytest.raises(UnsupportedConfiguration, match=r"<memory> .* would hold nobody.*memory controller") as told:
        limits.require(limited(), where)
    assert "limits='no'" in str(told.value.hint)
    limits.require(limited(relaxed=RELAXED), where)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("<cputune><shares>100</shares></cputune>", "<cputune>"),
        ("<vcpu cpuset='0'>1</vcpu>", "CPUs"),
        ("<blkiotune><weight>200</weight></blkiotune>", "<blkiotune>"),
    ],
)
def test_each_limit_needs_its_controller(more: str, said: str) -> None:
    where = Hierarchies({}, "/sys/fs/cgroup", frozenset({"memory"}))
    limits.require(limited(), where)
    with pytest.raises(UnsupportedConfiguration, match=said):
        limits.require(limited(more), where)


def test_a_limit_that_nobody_holds_does_not_change_while_the_container_runs() -> None:
    before, after = limited(relaxed=RELAXED), limited("<currentMemory unit='MiB'>32</currentMemory>", RELAXED)
    limits.require_change(before, limited("<title>new</title>", RELAXED), LITTLE[0])
    with pytest.raises(UnsupportedConfiguration, match="cannot change while it runs"):
        limits.require_change(before, after, LITTLE[0])


# -- devices of a running container, version 2 ----------------------------------------------------------------

DEVICE = "<hostdev mode='capabilities' type='misc'><source><char>/dev/null</char></source></hostdev>"


@pytest.fixture
def monitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What liblxc's monitor was told: a file that a program in the place of lxc-cgroup writes."""
    program = tmp_path / "lxc-cgroup"
    program.write_text(
        f'#!/bin/sh\n[ ! -e {tmp_path}/fault ] || {{ echo "box: x.c: 1 - no"; exit 1; }} >&2\n'
        f'printf "%s\\n" "$@" >> {tmp_path}/told\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(tools, "find", lambda name: str(tmp_path / name))
    monkeypatch.setattr(tools, "version", lambda: (5, 0, 2))
    return tmp_path


@pytest.fixture
def container(monitor: Path) -> guests.Look:
    status = {"name": "box", "id": 1, "groups": {"": str(monitor)}}
    return guests.Look(UUID(int=7), status, True, StateInfo(DomainState.RUNNING, "booted"))


@pytest.fixture
def device() -> Element:
    return read(DEVICE.encode(), Hostdev)


def test_devices_change_by_the_monitor_under_version_2(monitor: Path, container, device) -> None:
    devices.allow(container, device, allowed=True)
    devices.allow(container, device, allowed=False)
    told = (monitor / "told").read_text().splitlines()
    asked = ["--name", str(UUID(int=7)), "--lxcpath", "/run"]
    assert told == [*asked, "devices.allow", "c 1:3 rwm", *asked, "devices.deny", "c 1:3 rwm"]


def test_a_monitor_that_refuses_is_told_of(monitor: Path, container, device) -> None:
    (monitor / "fault").touch()
    with pytest.raises(HostError, match=r"did not write 'c 1:3 rwm' to devices\.allow: no"):
        devices.allow(container, device, allowed=True)


def test_an_old_liblxc_cannot_change_devices_under_version_2(monitor: Path, container, device, monkeypatch) -> None:
    monkeypatch.setattr(tools, "version", lambda: (3, 1, 0))
    with pytest.raises(UnsupportedConfiguration, match="cannot change the devices"):
        devices.allow(container, device, allowed=True)
    assert not (monitor / "told").exists()
