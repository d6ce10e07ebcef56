"""What is made of a server's answers, without a server: trees, samples, questions, shares, events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pyVmomi import vim, vmodl

from polyvisor.errors import InvalidArgument, InvalidState, NoSuchSnapshot, UnsupportedConfiguration
from polyvisor.operations.migration import MigrationPlan
from polyvisor.operations.snapshots import SnapshotState
from polyvisor.operations.statistics import StatsGroup
from polyvisor.spi import DomainRef, DomainState, StateInfo
from polyvisor_esx import allocation, disks, jobs, labels, migration, questions, snapshots, statistics, tools
from polyvisor_esx.watching import Seen, after, told

GUEST = DomainRef("web", UUID(int=7), 42)
Device = vim.vm.device


# -- snapshots ---------------------------------------------------------------------------------------------------


def entry(name: str, *children: Any, state: str = "poweredOff") -> Any:
    return vim.vm.SnapshotTree(
        snapshot=vim.vm.Snapshot(f"snapshot-{name}"),
        vm=vim.VirtualMachine("vm-42"),
        name=name,
        description="",
        id=1,
        createTime=datetime(2026, 1, 1, tzinfo=UTC),
        state=state,
        quiesced=False,
        childSnapshotList=list(children),
    )


def tree(*roots: Any, current: str = "a") -> snapshots.Tree:
    info = vim.vm.SnapshotInfo(currentSnapshot=vim.vm.Snapshot(f"snapshot-{current}"), rootSnapshotList=list(roots))
    return snapshots.tree_of(GUEST, info)


def test_parents_come_before_their_children_and_else_names_count() -> None:
    found = tree(entry("b", entry("z"), entry("c", entry("a"))), entry("B"))
    assert [node.name for node in found] == ["B", "b", "c", "a", "z"]
    assert [node.parent for node in found] == [None, None, "b", "c", "b"]


def test_a_row_tells_what_a_list_is_filtered_by() -> None:
    found = tree(entry("a", entry("b"), state="poweredOn"))
    row = found.row(found.find("a"))
    assert (row.state, row.created, row.children, row.current) == (SnapshotState.RUNNING, 1767225600, 1, True)


def test_vmware_writes_some_characters_of_names_as_digits() -> None:
    assert tree(entry("a%2fb")).find("a/b").name == "a/b"


def test_a_guest_without_snapshots() -> None:
    with pytest.raises(NoSuchSnapshot, match="none"):
        snapshots.tree_of(GUEST, None).find("a")


def test_which_of_two_of_a_name_is_not_guessed() -> None:
    with pytest.raises(InvalidState, match="2 snapshots"):
        tree(entry("a", entry("a"))).find("a")


# -- events ------------------------------------------------------------------------------------------------------


def seen(**more: Any) -> Seen:
    return Seen(42, "web", GUEST.uuid, **more)


def story(before: Seen | None, now: Seen | None, reason: str = "") -> list[tuple[str, str]]:
    return [(event.event, event.detail) for event in told(before, now, reason)]


ON, OFF, ASLEEP = seen(power="poweredOn"), seen(), seen(power="suspended")


@pytest.mark.parametrize(
    ("before", "now", "reason", "events"),
    [
        (None, OFF, "", [("defined", "added")]),
        (None, ON, "", [("defined", "added"), ("started", "booted")]),
        (OFF, None, "", [("undefined", "removed")]),
        (None, None, "", []),
        (OFF, ON, "", [("started", "booted")]),
        (ON, OFF, "", [("stopped", "destroyed")]),
        (ON, OFF, "shutdown", [("stopped", "shutdown")]),
        (seen(power="poweredOn", closing=True), OFF, "", [("stopped", "shutdown")]),
        (ON, ASLEEP, "", [("suspended", "paused")]),
        (ASLEEP, ON, "", [("resumed", "unpaused")]),
        (ASLEEP, OFF, "", [("stopped", "destroyed")]),
        (ON, OFF, "from snapshot", [("stopped", "from-snapshot")]),
        (OFF, ON, "from snapshot", [("started", "from-snapshot")]),
        (ON, ON, "", []),
    ],
)
def test_a_change_of_state_is_told_once(
    before: Seen | None, now: Seen | None, reason: str, events: list[tuple[str, str]]
) -> None:
    assert story(before, now, reason) == events


def test_a_new_name_is_two_events() -> None:
    renamed = after(OFF, {"name": "shop%2f1"})
    assert [(each.domain and each.domain.name, each.detail) for each in told(OFF, renamed)] == [
        ("web", "renamed"),
        ("shop/1", "renamed"),
    ]


def test_a_guest_whose_system_shuts_down_is_noticed() -> None:
    closing = after(ON, {"guest.guestState": "shuttingDown"})
    assert closing.closing
    assert story(closing, after(closing, {"runtime.powerState": "poweredOff"})) == [("stopped", "shutdown")]
    assert not after(closing, {"guest.guestState": "running"}).closing


# -- samples -----------------------------------------------------------------------------------------------------


def series(counter: int, instance: str, *values: int) -> Any:
    named = vim.PerformanceManager.MetricId(counterId=counter, instance=instance)
    return vim.PerformanceManager.IntSeries(id=named, value=list(values))


def test_samples_have_the_names_of_vmwares_counters() -> None:
    names = {1: "cpu.usagemhz.average", 2: "net.received.average", 3: "virtualDisk.read.average"}
    answer = vim.PerformanceManager.EntityMetric(
        entity=vim.VirtualMachine("vm-42"),
        value=[
            series(1, "", 10, 20),
            series(1, "0", 7),
            series(2, "4000", 5),
            series(2, "", 5),
            series(3, "scsi0:1", -1),
            series(9, "", 1),
        ],
    )
    assert dict(statistics.sample_of(answer, names)) == {
        "vm.cpu.usagemhz.average": 20,
        "vm.net.4000.received.average": 5,
    }


def test_memory_is_told_in_kib() -> None:
    use = vim.vm.Summary.QuickStats(balloonedMemory=16, hostMemoryUsage=40)
    found = statistics.memory_of({statistics.MEMORY: 64, statistics.USE: use})
    assert (found.actual, found.rss) == (48 * 1024, 40 * 1024)


def test_figures_of_disks_and_cards_come_from_the_hardware() -> None:
    row = {statistics.HARDWARE: hardware(), statistics.LAYOUT: layout()}
    running = StateInfo(DomainState.RUNNING)
    blocks = dict(statistics.GROUPS[StatsGroup.BLOCK][1](row, running))
    assert blocks["count"] == 2
    assert (blocks["0.name"], blocks["0.capacity"], blocks["0.allocation"]) == ("sdb", 1 << 20, 300)
    assert (blocks["1.name"], "1.capacity" in blocks) == ("hda", False)
    cards = dict(statistics.GROUPS[StatsGroup.INTERFACE][1](row, running))
    assert cards == {"count": 1, "0.name": "52:54:00:aa:bb:cc"}


# -- devices -----------------------------------------------------------------------------------------------------


def hardware() -> list[Any]:
    backing = Device.VirtualDisk.FlatVer2BackingInfo(fileName="[store] web/web.vmdk", diskMode="persistent")
    return [
        Device.VirtualIDEController(key=200, busNumber=0),
        Device.VirtualLsiLogicController(key=1000, busNumber=0, sharedBus="noSharing"),
        Device.VirtualDisk(key=2001, controllerKey=1000, unitNumber=1, backing=backing, capacityInKB=1024),
        Device.VirtualCdrom(key=3000, controllerKey=200, unitNumber=0),
        Device.VirtualE1000(key=4000, macAddress="52:54:00:AA:BB:CC"),
    ]


def layout() -> Any:
    def file(key: int, size: int) -> Any:
        return vim.vm.FileLayoutEx.FileInfo(key=key, name="x", type="diskExtent", size=size)

    links = [vim.vm.FileLayoutEx.DiskUnit(fileKey=keys) for keys in ([1], [2])]
    return vim.vm.FileLayoutEx(
        file=[file(1, 100), file(2, 200), file(3, 400)],
        disk=[vim.vm.FileLayoutEx.DiskLayout(key=2001, chain=links)],
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_disks_are_called_by_their_places() -> None:
    assert list(labels.disks_of(hardware())) == ["sdb", "hda"]
    assert [labels.target_of(prefix) for prefix in ("scsi0:8.", "scsi1:0.", "sata0:3.", "ide1:1.", "floppy1.")] == [
        "sdh",
        "sdp",
        "sdd",
        "hdd",
        "fdb",
    ]


def test_devices_of_running_guests_have_names_that_stay() -> None:
    assert labels.aliases_of(hardware()) == {"sdb": "scsi0-0-1", "hda": "ide0-0-0", "52:54:00:aa:bb:cc": "net0"}


def test_the_files_of_a_whole_chain_are_counted() -> None:
    assert disks.stored(hardware()[2], layout()) == 300
    assert disks.stored(hardware()[2], None) == 0


# -- shares ------------------------------------------------------------------------------------------------------


def test_what_is_not_set_is_vmwares_default() -> None:
    assert allocation.parameters_of(None) == {"reservation": 0, "limit": -1, "shares": -2}


@pytest.mark.parametrize(("shares", "level"), [(-1, "low"), (-2, "normal"), (-3, "high"), (5, "custom")])
def test_levels_are_numbers(shares: int, level: str) -> None:
    made = allocation.allocation_of({"shares": shares})
    assert str(made.shares.level) == level
    assert allocation.parameters_of(made)["shares"] == shares


def test_what_a_change_leaves_out_stays() -> None:
    present = allocation.allocation_of({"shares": -3, "limit": 1000, "reservation": 5})
    made = allocation.completed(allocation.allocation_of({"limit": -1}), present)
    assert allocation.parameters_of(made) == {"reservation": 5, "limit": -1, "shares": -3}


# -- questions -----------------------------------------------------------------------------------------------------


def question(suggested: int | None = 1) -> questions.Question:
    choices = [
        vim.ElementDescription(key=str(key), label=label, summary=label)
        for key, label in enumerate(("Cancel", "I moved it"))
    ]
    choice = vim.option.ChoiceOption(choiceInfo=choices, defaultIndex=suggested)
    return questions.question_of(GUEST, vim.vm.QuestionInfo(id="7", text=" Moved? ", choice=choice))


def test_answers_are_given_by_key_or_words() -> None:
    asked = question()
    assert asked.text == "Moved?"
    assert [asked.choose(each) for each in ("0", "Cancel", "I moved it", None)] == ["0", "0", "1", "1"]


def test_nothing_is_answered_by_guessing() -> None:
    with pytest.raises(InvalidArgument, match="suggests no answer"):
        question(None).choose(None)
    with pytest.raises(InvalidArgument, match="Perhaps"):
        question().choose("Perhaps")


# -- migration -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [MigrationPlan(), MigrationPlan(persist=True, undefine_source=True, unsafe=True)])
def test_plans_that_ask_for_nothing_else(plan: MigrationPlan) -> None:
    migration.require_possible(plan)


@pytest.mark.parametrize("asked", [{"paused": True}, {"bandwidth": 5}, {"tls": True}, {"name": "x"}])
def test_plans_that_ask_for_more(asked: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedConfiguration, match=next(iter(asked))):
        migration.require_possible(MigrationPlan(**asked))


# -- the system inside -----------------------------------------------------------------------------------------------


def inside() -> Any:
    address = vim.net.IpConfigInfo.IpAddress
    config = vim.net.IpConfigInfo(
        ipAddress=[
            address(ipAddress="192.0.2.7", prefixLength=24),
            address(ipAddress="2001:db8::7%eth0", prefixLength=64),
            address(ipAddress="; reboot", prefixLength=0),
        ]
    )
    return vim.vm.GuestInfo(
        hostName="web",
        guestId="debian12_64Guest",
        guestFamily="linuxGuest",
        net=[vim.vm.GuestInfo.NicInfo(macAddress="00:0C:29:01:02:03", deviceConfigId=4000, ipConfig=config)],
        disk=[vim.vm.GuestInfo.DiskInfo(diskPath="/", capacity=100, freeSpace=40)],
    )


def test_what_is_no_address_is_left_out() -> None:
    (card,) = tools.cards_of(inside())
    assert (card.name, card.mac) == ("4000", "00:0c:29:01:02:03")
    assert [(each.family, each.address, each.prefix) for each in card.addresses] == [
        ("ipv4", "192.0.2.7", 24),
        ("ipv6", "2001:db8::7", 64),
    ]


def test_file_systems_tell_what_is_used() -> None:
    (root,) = tools.filesystems_of(inside())
    assert (root.mountpoint, root.total, root.used) == ("/", 100, 60)


def test_figures_of_the_system_inside_have_libvirts_names() -> None:
    found = tools.figures_of(inside(), ())
    assert found["hostname"] == "web"
    assert found["os.id"] == "debian12_64Guest"
    assert found["fs.0.used-bytes"] == 60
    assert found["if.0.addr.1.addr"] == "2001:db8::7"


# -- jobs ------------------------------------------------------------------------------------------------------------


def test_a_task_is_a_job() -> None:
    begun, ended = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)
    task = {"info.descriptionId": "VirtualMachine.createSnapshot", "info.startTime": begun}
    working = jobs.job_of({**task, "info.state": "running", "info.progress": 40})
    assert (working.type, working.operation, working.statistics["percent"]) == ("Bounded", "Snapshot", 40)
    done = jobs.job_of({**task, "info.state": "success", "info.completeTime": ended})
    assert (done.type, done.elapsed_ms) == ("Completed", 2000)
    cancelled = vmodl.fault.RequestCanceled()
    ended_early = jobs.job_of({**task, "info.state": "error", "info.completeTime": ended, "info.error": cancelled})
    assert ended_early.type == "Cancelled"
