"""What a guest may take from the host's disks and networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import InvalidArgument, InvalidState, NoSuchDevice, PolyvisorError, UnsupportedConfiguration
from polyvisor.operations.events import EventKind
from polyvisor.operations.records import Affect
from polyvisor.operations.tuning import BLKIO_PARAMETERS, IO_TUNE_PARAMETERS, Bandwidth
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit, disks, document, interfaces
from polyvisor.testing.heard import Heard
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain

# -- the host's block devices ---------------------------------------------------------------------------------


@needs("blkio.params")
def test_shares_have_the_names_of_libvirts(defined: Domain) -> None:
    values = defined.blkio_parameters().values
    assert values
    assert set(values) <= set(BLKIO_PARAMETERS)


def require_blkio(bench: Bench, domain: Domain, *names: str) -> None:
    bench.require(set(names) <= set(domain.blkio_parameters().values), "the hypervisor has no such share")


@needs("blkio.params", "blkio.params.set")
def test_shares_not_named_stay(bench: Bench, defined: Domain) -> None:
    require_blkio(bench, defined, "weight", "device_weight")
    defined.set_blkio_parameters({"weight": 500})
    defined.set_blkio_parameters({"device_weight": "/dev/loop0,300"})
    values = defined.blkio_parameters().values
    assert (values["weight"], values["device_weight"]) == (500, "/dev/loop0,300")


@needs("blkio.params", "blkio.params.set")
def test_devices_not_named_stay_and_zero_takes_one_away(bench: Bench, defined: Domain) -> None:
    require_blkio(bench, defined, "device_read_iops_sec")
    defined.set_blkio_parameters({"device_read_iops_sec": "/dev/loop0,100,/dev/loop1,200"})
    defined.set_blkio_parameters({"device_read_iops_sec": "/dev/loop1,300"})
    assert per_device(defined, "device_read_iops_sec") == {"/dev/loop0": "100", "/dev/loop1": "300"}
    defined.set_blkio_parameters({"device_read_iops_sec": "/dev/loop0,0"})
    assert per_device(defined, "device_read_iops_sec") == {"/dev/loop1": "300"}


def per_device(domain: Domain, name: str) -> dict[str, str]:
    """``/dev/sda,500,/dev/sdb,200`` by device."""
    parts = str(domain.blkio_parameters().values[name]).split(",")
    return dict(zip(parts[::2], parts[1::2], strict=True))


@needs("blkio.params", "blkio.params.set")
@pytest.mark.parametrize(
    "bad",
    [
        {"weight": 5},
        {"weight": 100000},
        {"wait": 500},
        {"device_weight": "/dev/loop0"},
        {"device_weight": "/dev/loop0,many"},
        {"device_read_bytes_sec": "loop0,1000"},
        {"device_read_bytes_sec": "/dev/loop\0,1000"},
    ],
)
def test_shares_that_cannot_be_change_nothing(bench: Bench, defined: Domain, bad: dict[str, Any]) -> None:
    require_blkio(bench, defined, *(name for name in bad if name in BLKIO_PARAMETERS))
    before = defined.blkio_parameters()
    with pytest.raises(InvalidArgument):
        defined.set_blkio_parameters(bad)
    assert defined.blkio_parameters() == before


# -- limits of disks ------------------------------------------------------------------------------------------


@needs("blkio.tune")
@pytest.mark.parametrize("active", [False, True])
def test_a_disk_is_not_limited_unless_told(kit: Kit, active: bool) -> None:
    guest = kit.running("disk") if active else kit.guest("disk")
    values = guest.block_io_tune(kit.target()).values
    assert set(values) <= set(IO_TUNE_PARAMETERS)
    assert not any(value for name, value in values.items() if name.endswith(("_sec", "_max")))


@needs("blkio.tune", "domain.xml")
def test_limits_are_the_documents(kit: Kit) -> None:
    more = "<iotune><read_bytes_sec>10000000</read_bytes_sec><write_iops_sec>500</write_iops_sec></iotune>"
    guest = kit.guest(devices=kit.disk(more=more))
    values = guest.block_io_tune(kit.target()).values
    assert (values["read_bytes_sec"], values["write_iops_sec"]) == (10000000, 500)


@needs("blkio.tune", "blkio.tune.set")
@pytest.mark.parametrize("active", [False, True])
def test_naming_one_rate_resets_the_others_of_its_kind_only(kit: Kit, active: bool) -> None:
    guest = kit.running("disk") if active else kit.guest("disk")
    guest.set_block_io_tune(kit.target(), {"read_bytes_sec": 1000000, "write_bytes_sec": 2000000})
    guest.set_block_io_tune(kit.target(), {"total_iops_sec": 400})
    guest.set_block_io_tune(kit.target(), {"total_bytes_sec": 3000000})
    values = guest.block_io_tune(kit.target()).values
    found = {name: values[name] for name in values if name.endswith(("bytes_sec", "iops_sec")) and values[name]}
    assert found == {"total_bytes_sec": 3000000, "total_iops_sec": 400}


@needs("blkio.tune", "blkio.tune.set", "domain.xml")
def test_a_disk_goes_by_its_source_too(kit: Kit) -> None:
    guest = kit.guest("disk")
    source = disks(guest)[kit.target()].source.file
    kit.bench.require(source, "the disk is no file")
    guest.set_block_io_tune(source, {"total_iops_sec": 77})
    assert guest.block_io_tune(source).values["total_iops_sec"] == 77
    assert guest.block_io_tune(kit.target()).values["total_iops_sec"] == 77


@needs("blkio.tune", "blkio.tune.set")
def test_a_limit_of_zero_is_none(kit: Kit) -> None:
    guest = kit.guest("disk")
    guest.set_block_io_tune(kit.target(), {"total_iops_sec": 77})
    guest.set_block_io_tune(kit.target(), {"total_iops_sec": 0})
    assert not guest.block_io_tune(kit.target()).values["total_iops_sec"]


@needs("blkio.tune", "blkio.tune.set")
def test_other_disks_keep_their_limits(kit: Kit) -> None:
    guest = kit.guest(devices=kit.disk(0) + kit.disk(1))
    guest.set_block_io_tune(kit.target(0), {"total_iops_sec": 77})
    assert not guest.block_io_tune(kit.target(1)).values["total_iops_sec"]


@needs("blkio.tune", "blkio.tune.set")
@pytest.mark.parametrize(
    "bad",
    [
        {"total_bytes_sec": 1000000, "read_bytes_sec": 1000000},
        {"total_iops_sec": 100, "write_iops_sec": 100},
        {"read_bytes_sec": -1},
        {"read_bites_sec": 1000},
        {"size_iops_sec": -1},
        {"total_iops_sec": 10, "group_name": "nul\0"},
    ],
)
@pytest.mark.parametrize("active", [False, True])
def test_limits_that_cannot_be_change_nothing(kit: Kit, bad: dict[str, Any], active: bool) -> None:
    guest = kit.running("disk") if active else kit.guest("disk")
    guest.set_block_io_tune(kit.target(), {"write_bytes_sec": 5000000})
    before = guest.block_io_tune(kit.target())
    with pytest.raises(InvalidArgument):
        guest.set_block_io_tune(kit.target(), bad)
    assert guest.block_io_tune(kit.target()) == before


@needs("blkio.tune", "blkio.tune.set")
def test_disks_of_a_group_share_their_limits(kit: Kit) -> None:
    guest = kit.running(devices=kit.disk(0) + kit.disk(1))
    for number, rate in ((0, 100), (1, 200)):
        guest.set_block_io_tune(kit.target(number), {"group_name": "shared", "total_iops_sec": rate})
    for number in (0, 1):
        values = guest.block_io_tune(kit.target(number)).values
        assert (values["group_name"], values["total_iops_sec"]) == ("shared", 200)


@needs("blkio.tune", "blkio.tune.set")
@pytest.mark.parametrize("active", [False, True])
def test_a_disk_that_is_not_there_has_no_limits(kit: Kit, active: bool) -> None:
    guest = kit.running("disk") if active else kit.guest("disk")
    for name in ("vdnone", "", "/no/such/image", kit.target() + "0"):
        with pytest.raises(NoSuchDevice):
            guest.block_io_tune(name)
        with pytest.raises(NoSuchDevice):
            guest.set_block_io_tune(name, {"total_iops_sec": 77})


@needs("blkio.tune.set", "event.any")
def test_a_limit_of_a_running_disk_is_told(kit: Kit, events: Heard) -> None:
    guest = kit.running("disk")
    guest.set_block_io_tune(kit.target(), {"total_iops_sec": 500})
    assert 500 in events.next(EventKind.TUNABLE, of=guest).data.values()


# -- throttle groups ------------------------------------------------------------------------------------------


def groups(domain: Domain) -> dict[str, Any]:
    """The throttle groups in a guest's document, by name."""
    found = document(domain).throttlegroups
    return {group.group_name: group for group in found.groups} if found else {}


@needs("blkio.throttle-group", "blkio.throttle-group.remove", "domain.xml")
def test_groups_are_made_changed_and_removed(defined: Domain) -> None:
    defined.set_throttle_group("slow", {"total_iops_sec": 10})
    defined.set_throttle_group("fast", {"read_bytes_sec": 100000000})
    defined.set_throttle_group("slow", {"total_iops_sec": 20})
    assert {name: group.total_iops_sec or 0 for name, group in groups(defined).items()} == {"slow": 20, "fast": 0}
    defined.remove_throttle_group("slow")
    assert list(groups(defined)) == ["fast"]


@needs("blkio.throttle-group", "domain.xml")
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("slow", {"total_iops_sec": 10, "read_iops_sec": 10}),
        ("slow", {"total_eyeops_sec": 10}),
        ("slow", {"total_iops_sec": -1}),
        ("", {"total_iops_sec": 10}),
    ],
)
def test_groups_that_cannot_be_are_not_made(defined: Domain, name: str, parameters: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument):
        defined.set_throttle_group(name, parameters)
    assert groups(defined) == {}


@needs("blkio.throttle-group", "blkio.throttle-group.remove", "device.attach", "domain.xml")
def test_a_group_in_use_stays_and_its_disk_is_named(kit: Kit, defined: Domain) -> None:
    defined.set_throttle_group("slow", {"total_iops_sec": 10})
    defined.attach_device(kit.disk(more="<throttlefilters><throttlefilter group='slow'/></throttlefilters>"))
    with pytest.raises(InvalidState, match=kit.target()):
        defined.remove_throttle_group("slow")
    assert list(groups(defined)) == ["slow"]


@needs("blkio.throttle-group", "domain.xml")
@pytest.mark.parametrize("name", ["a b", "it's <&>", "\N{SNOWMAN}", "nul\0", "\ud800", "line\nbreak"])
def test_a_group_has_a_name_that_documents_can_hold(defined: Domain, name: str) -> None:
    try:
        defined.set_throttle_group(name, {"total_iops_sec": 10})
    except InvalidArgument:
        assert groups(defined) == {}
    else:
        again = defined.connection.define(defined.xml(inactive=True))
        assert list(groups(again)) == [name]


@needs("blkio.throttle-group.remove")
def test_a_group_that_is_not_there_cannot_go(defined: Domain) -> None:
    with pytest.raises(NoSuchDevice):
        defined.remove_throttle_group("slow")


# -- networks -------------------------------------------------------------------------------------------------


@needs("net.bandwidth")
@pytest.mark.parametrize("active", [False, True])
def test_a_card_is_not_limited_unless_told(kit: Kit, active: bool) -> None:
    guest = kit.running("interface") if active else kit.guest("interface")
    found = guest.interface_bandwidth(kit.mac())
    assert (found.inbound, found.outbound) == (None, None)


@needs("net.bandwidth", "domain.xml")
def test_bandwidth_is_the_documents(kit: Kit) -> None:
    more = "<bandwidth><inbound average='1000' peak='2000' burst='512'/><outbound average='500'/></bandwidth>"
    guest = kit.guest(devices=kit.interface(more=more))
    found = guest.interface_bandwidth(kit.mac())
    assert (found.inbound, found.outbound) == (Bandwidth(1000, 2000, 512), Bandwidth(500))


def limit(kit: Kit, guest: Domain, *, inbound: Bandwidth, outbound: Bandwidth) -> None:
    """Limit the card, or skip the test where the hypervisor cannot limit it so: that changes nothing."""
    before = guest.interface_bandwidth(kit.mac())
    try:
        guest.set_interface_bandwidth(kit.mac(), inbound=inbound, outbound=outbound)
    except UnsupportedConfiguration as refusal:
        assert guest.interface_bandwidth(kit.mac()) == before
        kit.bench.require(False, refusal.message)


@needs("net.bandwidth", "net.bandwidth.set", "domain.xml")
@pytest.mark.parametrize("active", [False, True])
def test_a_direction_not_named_stays_and_an_empty_limit_takes_it_away(kit: Kit, active: bool) -> None:
    guest = kit.running("interface") if active else kit.guest("interface")
    limit(kit, guest, inbound=Bandwidth(1000), outbound=Bandwidth(500, burst=64))
    guest.set_interface_bandwidth(kit.mac(), inbound=Bandwidth(2000))
    found = guest.interface_bandwidth(kit.mac())
    assert (found.inbound, found.outbound) == (Bandwidth(2000), Bandwidth(500, burst=64))
    guest.set_interface_bandwidth(kit.mac(), inbound=Bandwidth())
    found = guest.interface_bandwidth(kit.mac())
    assert (found.inbound, found.outbound) == (None, Bandwidth(500, burst=64))
    guest.set_interface_bandwidth(kit.mac(), outbound=Bandwidth())
    assert interfaces(guest)[kit.mac()].bandwidth is None


@needs("net.bandwidth")
def test_a_card_goes_by_its_address_in_any_case(kit: Kit) -> None:
    guest = kit.guest("interface")
    assert guest.interface_bandwidth(kit.mac().upper()) == guest.interface_bandwidth(kit.mac())


@needs("net.bandwidth", "domain.xml")
def test_a_card_of_a_running_guest_goes_by_its_name_on_the_host(kit: Kit) -> None:
    guest = kit.running("interface")
    target = interfaces(guest)[kit.mac()].target
    kit.bench.require(target is not None and target.dev, "the card has no name on the host")
    assert guest.interface_bandwidth(target.dev) == guest.interface_bandwidth(kit.mac())


@needs("net.bandwidth", "net.bandwidth.set")
@pytest.mark.parametrize("active", [False, True])
def test_a_card_that_is_not_there_has_no_bandwidth(kit: Kit, active: bool) -> None:
    guest = kit.running("interface") if active else kit.guest("interface")
    for name in ("52:54:00:00:00:00", "nonesuch0", ""):
        with pytest.raises(NoSuchDevice):
            guest.interface_bandwidth(name)
        with pytest.raises(NoSuchDevice):
            guest.set_interface_bandwidth(name, inbound=Bandwidth(1000))


@needs("net.bandwidth", "net.bandwidth.set")
@pytest.mark.parametrize(
    "bad",
    [
        {"outbound": Bandwidth(500, floor=100)},
        {"inbound": Bandwidth(-1)},
        {"inbound": Bandwidth(peak=1000)},
        {"inbound": Bandwidth(1000), "outbound": Bandwidth(-5)},
    ],
)
def test_bandwidth_that_cannot_be_changes_nothing(kit: Kit, bad: dict[str, Any]) -> None:
    """A floor outwards, a negative rate, a peak of no average: each contradicts what ``<bandwidth>`` may say."""
    guest = kit.guest("interface")
    with pytest.raises(InvalidArgument):
        guest.set_interface_bandwidth(kit.mac(), **bad)
    found = guest.interface_bandwidth(kit.mac())
    assert (found.inbound, found.outbound) == (None, None)


@needs("net.bandwidth", "net.bandwidth.set")
def test_both_are_limited_or_neither(kit: Kit) -> None:
    guest = kit.running("interface")
    with pytest.raises(PolyvisorError):
        guest.set_interface_bandwidth(kit.mac(), inbound=Bandwidth(-1), affect=Affect.BOTH)
    for affect in (Affect.LIVE, Affect.CONFIG):
        assert guest.interface_bandwidth(kit.mac(), affect=affect).inbound is None
