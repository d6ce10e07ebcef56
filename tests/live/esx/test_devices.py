"""Devices of guests of simulated servers come, change and go; what they may use is tuned; what they use is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

import polyvisor
from polyvisor.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidState,
    NoSuchDevice,
    UnsupportedConfiguration,
    UnsupportedOption,
)
from polyvisor.objects.domain import Domain
from polyvisor.operations.events import EventKind
from polyvisor.operations.memory import UNLIMITED
from polyvisor.operations.records import Affect
from polyvisor.operations.statistics import StatsGroup

pytestmark = pytest.mark.live

NUMBERS = count()
CARD = (
    "<interface type='bridge'><mac address='52:54:00:12:34:56'/><source bridge='VM Network'/>"
    "<model type='vmxnet3'/></interface>"
)
MakeDisk = Callable[[], str]


@pytest.fixture
def guest(connection: polyvisor.Connection) -> Iterator[Domain]:
    """A guest that runs, without disks and cards."""
    made = connection.define(
        f"<domain type='vmware'><name>plugged-{next(NUMBERS)}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64'>hvm</type></os></domain>"
    )
    made.start()
    yield made
    if made.state().state.active:
        made.destroy()
    made.undefine(snapshots_metadata=True)


@pytest.fixture
def make_disk(connection: polyvisor.Connection) -> MakeDisk:
    """Makes disks on the datastore and returns their names."""
    from pyVmomi import vim

    session: Any = connection._invoker.session

    def make() -> str:
        datastore = next(iter(session.properties(vim.Datastore, ("name",)).values()))["name"]
        place = session.inventory.above(session.place, vim.Datacenter)
        datacenter = (place or next(session.place.all(vim.Datacenter))).reference
        name = f"[{datastore}] disk-{next(NUMBERS)}.vmdk"
        spec = vim.VirtualDiskManager.FileBackedVirtualDiskSpec(
            diskType="thin", adapterType="lsiLogic", capacityKb=1024
        )
        manager = session.content.virtualDiskManager
        session.wait(manager.CreateVirtualDisk_Task(name=name, datacenter=datacenter, spec=spec))
        return name

    return make


def disk(file: str, target: str = "sda", more: str = "") -> str:
    return f"<disk type='file' device='disk'><source file='{file}'/><target dev='{target}'/>{more}</disk>"


def cdrom(file: str | None = None) -> str:
    source = f"<source file='{file}'/>" if file else ""
    return f"<disk type='file' device='cdrom'>{source}<target dev='sdc' bus='sata'/><readonly/></disk>"


def disks(guest: Domain) -> dict[str, str | None]:
    """Targets and files."""
    devices = guest.config().devices
    assert devices is not None
    return {each.target.dev: getattr(each.source, "file", None) for each in devices.disks}


def cards(guest: Domain) -> dict[str, Any]:
    devices = guest.config().devices
    assert devices is not None
    return {str(each.mac.address): each for each in devices.interfaces if each.mac}


# -- plugging ---------------------------------------------------------------------------------------------------


def test_a_disk_comes_with_its_controller_and_goes(guest: Domain, make_disk: MakeDisk) -> None:
    name = make_disk()
    guest.attach_device(disk(name))
    assert disks(guest) == {"sda": name}
    guest.attach_device(disk(make_disk(), "sdb"))
    guest.detach_device(disk(name))
    assert list(disks(guest)) == ["sdb"]


def test_the_file_of_a_disk_that_goes_stays(guest: Domain, make_disk: MakeDisk) -> None:
    name = make_disk()
    guest.attach_device(disk(name))
    guest.detach_device("<disk><target dev='sda'/></disk>")
    guest.attach_device(disk(name, "sdb"))
    assert disks(guest) == {"sdb": name}


def test_a_card_comes_and_goes(guest: Domain) -> None:
    guest.attach_device(CARD)
    (card,) = cards(guest).values()
    assert (card.mac.address, card.source.bridge, card.model.type) == ("52:54:00:12:34:56", "VM Network", "vmxnet3")
    guest.detach_device(CARD)
    assert not cards(guest)


def test_the_other_card_keeps_its_address(guest: Domain) -> None:
    guest.attach_device(CARD)
    guest.attach_device(CARD.replace("34:56", "34:57"))
    guest.detach_device(CARD)
    assert list(cards(guest)) == ["52:54:00:12:34:57"]


def test_a_device_goes_by_the_name_in_the_document(guest: Domain) -> None:
    guest.attach_device(CARD)
    guest.attach_device(cdrom())
    (card,) = cards(guest).values()
    guest.detach_device_alias(card.alias.name)
    assert (list(cards(guest)), list(disks(guest))) == ([], ["sdc"])
    with pytest.raises(NoSuchDevice, match="sata0-0-2"):
        guest.detach_device_alias(card.alias.name)


def test_media_are_put_in_exchanged_and_taken_out(guest: Domain) -> None:
    guest.attach_device(cdrom())
    for medium in ("[LocalDS_0] first.iso", "[LocalDS_0] second.iso", None):
        guest.update_device(cdrom(medium))
        assert disks(guest) == {"sdc": medium}


def test_what_happens_to_devices_is_told(guest: Domain) -> None:
    with guest.connection.events(domain=str(guest.uuid)) as events:
        guest.attach_device(cdrom())
        guest.update_device(cdrom("[LocalDS_0] first.iso"))
        guest.detach_device(cdrom())
        heard = [events.get(timeout=20) for _ in range(3)]
    assert [each.kind for each in heard if each] == [
        EventKind.DEVICE_ADDED,
        EventKind.DISK_CHANGE,
        EventKind.DEVICE_REMOVED,
    ]
    assert heard[1] and heard[1].data == {"old": None, "new": "[LocalDS_0] first.iso", "alias": "sata0-0-2"}


@pytest.mark.parametrize(
    ("device", "error", "words"),
    [
        (CARD.replace("VM Network", "Nowhere"), UnsupportedConfiguration, "Nowhere"),
        ("<interface type='user'/>", UnsupportedConfiguration, "port group"),
        ("<sound model='ac97'/>", UnsupportedConfiguration, "sound"),
        ("<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>", InvalidState, "bus ide"),
    ],
)
def test_what_cannot_be_plugged_in_is_refused(guest: Domain, device: str, error: type, words: str) -> None:
    before = guest.xml()
    with pytest.raises(error, match=words):
        guest.attach_device(device)
    assert guest.xml() == before


def test_a_cable_is_pulled_and_plugged_in(guest: Domain) -> None:
    guest.attach_device(CARD)
    for state in ("down", "up"):
        guest.update_device(CARD.replace("</interface>", f"<link state='{state}'/></interface>"))
        (card,) = cards(guest).values()
        assert card.link.state == state


def test_a_place_is_taken_once(guest: Domain, make_disk: MakeDisk) -> None:
    guest.attach_device(disk(make_disk()))
    guest.attach_device(CARD)
    for again in (disk(make_disk()), CARD):
        with pytest.raises(AlreadyExists):
            guest.attach_device(again)


def test_what_is_not_there_does_not_go(guest: Domain) -> None:
    for absent in ("<disk><target dev='sdx'/></disk>", CARD):
        with pytest.raises(NoSuchDevice):
            guest.detach_device(absent)


def test_there_is_one_configuration_to_change(guest: Domain) -> None:
    with pytest.raises(UnsupportedOption):
        guest.attach_device(CARD, affect=Affect.CONFIG)


def test_a_disk_grows_and_does_not_shrink(guest: Domain, make_disk: MakeDisk) -> None:
    guest.attach_device(disk(make_disk()))
    guest.resize_block("sda", 8 << 20)
    assert guest.block_info("sda").capacity == 8 << 20
    with pytest.raises(UnsupportedConfiguration, match="smaller"):
        guest.resize_block("sda", 1 << 20)
    for wrong in (8 << 20 | 1, -1, None):
        with pytest.raises(InvalidArgument):
            guest.resize_block("sda", wrong)


# -- shares, limits, reservations -----------------------------------------------------------------------------------


def test_a_share_of_the_processors_is_changed_bit_by_bit(guest: Domain) -> None:
    assert guest.scheduler().name == "allocation"
    guest.set_scheduler_parameters({"shares": -3, "limit": 1000})
    guest.set_scheduler_parameters({"reservation": 100})
    assert guest.scheduler().parameters.values == {"reservation": 100, "limit": 1000, "shares": -3}
    guest.set_scheduler_parameters({"shares": 1234, "limit": -1})
    assert guest.scheduler().parameters.values == {"reservation": 100, "limit": -1, "shares": 1234}


@pytest.mark.parametrize("wrong", [{"cpu_shares": 5}, {"limit": -2}, {"shares": -4}, {"reservation": -1}])
def test_a_share_that_vmware_does_not_have(guest: Domain, wrong: dict[str, int]) -> None:
    before = guest.scheduler()
    with pytest.raises(InvalidArgument):
        guest.set_scheduler_parameters(wrong)
    assert guest.scheduler() == before


def test_memory_is_reserved_in_mebibytes(guest: Domain) -> None:
    guest.set_memory_limits({"min_guarantee": 2049})
    assert guest.memory_limits().values == {"min_guarantee": 3 * 1024}
    guest.set_memory_limits({"min_guarantee": UNLIMITED})
    assert guest.memory_limits().values == {"min_guarantee": UNLIMITED}
    with pytest.raises(InvalidArgument, match="hard_limit"):
        guest.set_memory_limits({"hard_limit": 1024})


def test_operations_of_a_disk_are_limited(guest: Domain, make_disk: MakeDisk) -> None:
    guest.attach_device(disk(make_disk()))
    guest.set_block_io_tune("sda", {"total_iops_sec": 500})
    assert guest.block_io_tune("sda").values == {"total_iops_sec": 500}
    guest.set_block_io_tune("sda", {"total_iops_sec": 0})
    assert guest.block_io_tune("sda").values == {"total_iops_sec": 0}
    with pytest.raises(InvalidArgument, match="read_bytes_sec"):
        guest.set_block_io_tune("sda", {"read_bytes_sec": 1})


# -- statistics ---------------------------------------------------------------------------------------------------


def test_figures_of_all_guests_take_as_many_requests_as_those_of_one(connection: polyvisor.Connection) -> None:
    session: Any = connection._invoker.session
    ref = connection.list_domains()[0].ref
    connection.domain_stats(domains=[ref])  # reads the names of counters
    taken = []
    for domains in ([ref], []):
        before = session.transport.calls
        connection.domain_stats(domains=domains)
        taken.append(session.transport.calls - before)
    assert taken == [4, 4]


def test_a_running_guest_has_samples(guest: Domain) -> None:
    (found,) = guest.connection.domain_stats(domains=[guest.ref], groups=[StatsGroup.VM, StatsGroup.BALLOON])
    assert found.values["balloon.maximum"] == 64 * 1024
    assert isinstance(found.values["vm.cpu.usagemhz.average"], int)
    guest.destroy()
    (found,) = guest.connection.domain_stats(domains=[guest.ref], groups=[StatsGroup.VM])
    assert found.values == {}


# -- events -------------------------------------------------------------------------------------------------------


def test_what_others_do_is_told(guest: Domain, server: Any) -> None:
    path = "" if server.mode == "esx" else "DC0/DC0_C0/DC0_C0_H0"
    with (
        polyvisor.open(server.uri(path), credentials=server.credentials) as listener,
        listener.events(domain=str(guest.uuid)) as events,
    ):
        guest.suspend()
        first = events.get(timeout=20)
        guest.resume()
        guest.destroy()
        second, third = events.get(timeout=20), events.get(timeout=20)
    told = [(each.event, each.detail) for each in (first, second, third) if each]
    assert told == [("suspended", "paused"), ("resumed", "unpaused"), ("stopped", "destroyed")]


def test_guests_that_come_and_go_are_told(connection: polyvisor.Connection) -> None:
    with connection.events() as events:
        made = connection.define(
            "<domain type='vmware'><name>brief</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
            "<os><type arch='x86_64'>hvm</type></os></domain>"
        )
        first = events.get(timeout=20)
        made.rename("briefer")
        made.undefine()
        heard = [first, *(events.get(timeout=20) for _ in range(3))]
    told = [(each.domain.name, each.event, each.detail) for each in heard if each and each.domain]
    assert told == [
        ("brief", "defined", "added"),
        ("brief", "undefined", "renamed"),
        ("briefer", "defined", "renamed"),
        ("briefer", "undefined", "removed"),
    ]


def test_listening_ends_at_once(connection: polyvisor.Connection) -> None:
    with connection.events():
        pass
    begun = time.monotonic()
    connection.close()
    assert time.monotonic() - begun < 20


# -- the system inside, and jobs --------------------------------------------------------------------------------------


def test_a_guest_without_tools_tells_nothing(guest: Domain) -> None:
    for ask in (guest.guest_hostname, guest.guest_info, guest.guest_filesystems):
        with pytest.raises(InvalidState, match="Tools"):
            ask()
    assert guest.guest_interfaces() == []  # no DHCP server of VMware's to ask
    guest.destroy()
    with pytest.raises(InvalidState, match="not running"):
        guest.guest_interfaces()


def test_a_job_that_ended_is_told_and_none_is_at_work(guest: Domain) -> None:
    assert guest.job().type == "None"
    assert guest.job(completed=True).type in ("Completed", "None")
    with pytest.raises(InvalidState, match="no job"):
        guest.abort_job()


# -- names of one's own ---------------------------------------------------------------------------------------------


def test_names_that_users_give_devices_are_kept(guest: Domain, make_disk: MakeDisk) -> None:
    mine = "<alias name='ua-mine'/>"
    guest.attach_device(disk(make_disk(), "sda", mine))
    guest.attach_device("<interface type='bridge'><source bridge='VM Network'/><alias name='ua-net'/></interface>")
    document = guest.xml()
    assert mine in document and "<alias name='ua-net'/>" in document
    with pytest.raises(AlreadyExists, match="ua-mine"):
        guest.attach_device(disk(make_disk(), "sdb", mine))
    guest.destroy()
    assert mine in guest.xml()
    guest.detach_device_alias("ua-net")
    assert cards(guest) == {} and "ua-net" not in guest.xml()
    guest.detach_device("<disk><target dev='sda'/></disk>")
    guest.attach_device(disk(make_disk()))
    assert "ua-mine" not in guest.xml()


def test_names_are_part_of_the_document(guest: Domain, connection: polyvisor.Connection) -> None:
    guest.destroy()
    plain = guest.xml()
    cards = "".join(
        f"<interface type='bridge'><source bridge='VM Network'/><alias name='ua-{name}'/></interface>" for name in "ab"
    )
    connection.define(plain.replace("<devices>", f"<devices>{cards}"))
    named = guest.xml()
    assert named.index("ua-a") < named.index("ua-b")
    connection.define(named)
    assert guest.xml() == named
    connection.define(named.replace("<alias name='ua-a'/>", "<alias name='ua-c'/>"))
    assert "ua-c" in guest.xml() and "ua-a" not in guest.xml()
