"""Guests whose documents name volumes of pools and networks, on a simulated host and in a simulated vCenter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from simulator import Simulator

import polyvisor
from polyvisor import model
from polyvisor.errors import UnsupportedConfiguration
from polyvisor.objects.domain import Domain
from polyvisor_esx import pools, volumechanges, volumes

pytestmark = pytest.mark.live

DISK = "<disk type='volume'><source pool='{}' volume='refs/refs.vmdk'/><target dev='sda' bus='scsi'/></disk>"
CARD = "<interface type='network'><source network='{}' {}/></interface>"
VMDK = (
    "<volume><name>refs/refs.vmdk</name><capacity unit='MiB'>5</capacity>"
    "<target><format type='vmdk'/></target></volume>"
)


def guest_with(devices: str) -> str:
    return (
        "<domain type='vmware'><name>refs</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        f"<os><type arch='x86_64'>hvm</type></os><devices>{devices}</devices></domain>"
    )


@pytest.fixture
def disk(connection: polyvisor.Connection) -> Iterator[None]:
    """A disk on a datastore that no guest has."""
    session: Any = connection._invoker.session
    pool = pools.find(session, name="LocalDS_0")
    made = volumechanges.create(session, pool, model.parse("storagevol", VMDK))  # type: ignore[arg-type]
    yield
    if volumes.exists(session, pool, made.name):
        volumechanges.delete(session, pool, made)


@pytest.fixture
def guest(connection: polyvisor.Connection) -> Iterator[Domain]:
    made = connection.define(guest_with(""))
    yield made
    made.undefine()


def test_names_become_what_vmware_has(connection: polyvisor.Connection, disk: None) -> None:
    text = guest_with(DISK.format("LocalDS_0") + CARD.format("vSwitch0", "portgroup='VM Network'"))
    made = connection.define(text)
    try:
        devices: Any = made.config().devices
        assert [each.source.file for each in devices.disks] == ["[LocalDS_0] refs/refs.vmdk"]
        assert [each.source.bridge for each in devices.interfaces] == ["VM Network"]
        connection.define(model.format(made.config()))
    finally:
        made.undefine()


def test_a_network_with_one_port_group_needs_no_other_name(connection: polyvisor.Connection, server: Simulator) -> None:
    if server.mode == "esx":
        pytest.skip("a single host has no distributed switch")
    made = connection.define(guest_with(CARD.format("DVS0", "")))
    try:
        devices: Any = made.config().devices
        assert devices.interfaces[0].type == "vds"
    finally:
        made.undefine()


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        (DISK.format("elsewhere"), "LocalDS_0"),
        (DISK.format("LocalDS_0").replace("refs/refs", "../refs"), "no path"),
        (CARD.format("elsewhere", ""), "vSwitch0"),
        (CARD.format("vSwitch0", ""), "2 port groups"),
        (CARD.format("vSwitch0", "portgroup='none'"), "VM Network"),
    ],
)
def test_names_that_lead_nowhere_are_refused(connection: polyvisor.Connection, devices: str, words: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match=words):
        connection.define(guest_with(devices))
    assert "refs" not in [row.name for row in connection.list_domains()]


def test_devices_are_plugged_in_by_such_names(disk: None, guest: Domain) -> None:
    guest.attach_device(DISK.format("LocalDS_0"))
    guest.attach_device(CARD.format("vSwitch0", "portgroup='VM Network'"))
    devices: Any = guest.config().devices
    assert devices.disks[0].source.file == "[LocalDS_0] refs/refs.vmdk"
    assert devices.interfaces[0].source.bridge == "VM Network"
    guest.detach_device(DISK.format("LocalDS_0"))
    assert not guest.config().devices.disks  # type: ignore[union-attr]
