"""Guests of a simulated host and a simulated vCenter: found, made, changed; and how the way there is trusted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

import polyvisor
from polyvisor.errors import (
    AlreadyExists,
    ConnectFailed,
    InvalidState,
    InvalidURI,
    NoSuchDomain,
    UnsupportedConfiguration,
)
from polyvisor.spi import Column

pytestmark = pytest.mark.live

GUEST = """<domain type='vmware'><name>{name}</name><memory unit='MiB'>{memory}</memory><vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os><devices>{devices}</devices></domain>"""
CARD = "<interface type='bridge'><source bridge='VM Network'/><model type='{model}'/></interface>"


def document(name: str = "made", memory: int = 64, devices: str = "") -> str:
    return GUEST.format(name=name, memory=memory, devices=devices)


@pytest.fixture
def guest(connection: Any) -> Iterator[Any]:
    """A guest of our own, gone afterwards."""
    made = connection.define(document())
    yield made
    if made.refresh().is_active:
        made.destroy()
    made.undefine()


def requests(connection: Any) -> int:
    """How many were sent so far, by all sessions on the driver's own count."""
    return int(connection._invoker.session.transport.calls)


# -- trust -----------------------------------------------------------------------------------------------------------


def test_a_certificate_nobody_vouches_for_is_not_trusted(server: Any) -> None:
    with pytest.raises(ConnectFailed, match="cannot be verified") as refusal:
        polyvisor.open(server.uri(transport="https"), credentials=server.credentials)
    for way in ("cacert=", "thumbprint=", "no_verify=1"):
        assert way in str(refusal.value.hint)


def test_it_is_trusted_by_its_thumbprint(server: Any) -> None:
    uri = server.uri(thumbprint=server.certificate.thumbprint)
    with polyvisor.open(uri, credentials=server.credentials) as connection:
        connection._invoker.session.transport.DropConnections()  # and again on the next connection
        assert connection.list_domains()


def test_another_thumbprint_is_not_that_of_the_server(server: Any) -> None:
    with pytest.raises(ConnectFailed, match=r"verified: the certificate's thumbprint is [0-9a-f]{64}, not the one"):
        polyvisor.open(server.uri(thumbprint="0" * 64), credentials=server.credentials)


def test_one_may_trust_anybody(server: Any) -> None:
    with polyvisor.open(server.uri(no_verify="1"), credentials=server.credentials) as connection:
        found = connection.security()
        assert found.encrypted and not found.secure


def test_a_wrong_password_says_so_and_is_not_shown(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConnectFailed, match="InvalidLogin") as refusal:
        polyvisor.open(server.uri(), credentials=lambda names, prompt: {"password": "wrong-secret"})
    assert "wrong-secret" not in str(refusal.value) + caplog.text


def test_the_kind_of_server_has_to_fit(server: Any) -> None:
    other = {"esx": "vpx", "vpx": "esx"}[server.mode]
    with pytest.raises(InvalidURI, match="single host"):
        polyvisor.open(server.uri().replace(server.mode, other, 1), credentials=server.credentials)


# -- finding ---------------------------------------------------------------------------------------------------------


def test_the_table_takes_one_request(connection: Any) -> None:
    connection.list_domains()
    before = requests(connection)
    rows = connection.list_domains(columns=[Column.MEMORY, Column.VCPUS, Column.TITLE])
    assert requests(connection) - before == 1
    assert all(row.memory_kib and row.vcpus for row in rows)


def test_a_whole_vcenter_shows_every_guest(start_simulator: Any) -> None:
    server = start_simulator("vpx", guests=3, folders=1)
    with polyvisor.open(server.uri(), credentials=server.credentials) as everything:
        found = everything.list_domains()
        assert {row.ref.name for row in found} >= {"DC0_H0_VM2", "DC0_C0_RP0_VM2"}
        path = everything.domain(found[0].ref.name).xml().partition("<vmware:datacenterpath>")[2].partition("<")[0]
        with polyvisor.open(server.uri(path), credentials=server.credentials) as part:
            assert {row.ref.name for row in part.list_domains()} == {row.ref.name for row in found}
        with pytest.raises(UnsupportedConfiguration, match="to choose from"):
            everything.define(document())


def test_a_part_that_is_not_there_names_those_that_are(start_simulator: Any) -> None:
    server = start_simulator("vpx")
    with pytest.raises(InvalidURI, match="no 'DC0/nowhere'") as refusal:
        polyvisor.open(server.uri("DC0/nowhere"), credentials=server.credentials)
    assert "DC0/DC0_C0/DC0_C0_H0" in str(refusal.value.hint)


# -- making and changing ---------------------------------------------------------------------------------------------


def test_a_guest_is_made_with_its_devices(connection: Any) -> None:
    cd = "<disk type='file' device='cdrom'><target dev='hda' bus='ide'/></disk>"
    made = connection.define(document("equipped", devices=cd + CARD.format(model="vmxnet3")))
    try:
        devices = made.config().devices
        assert [disk.target.dev for disk in devices.disks] == ["hda"]
        (card,) = devices.interfaces
        assert (card.model.type, card.source.bridge) == ("vmxnet3", "VM Network")
    finally:
        made.undefine()


def test_what_changes_is_changed_in_one_task(connection: Any, guest: Any) -> None:
    text = guest.xml().replace("65536", "131072").replace("<devices>", f"<devices>{CARD.format(model='e1000')}")
    assert connection.define(text) == guest
    config = guest.config()
    assert config.memory_kib == 131072 and [card.model.type for card in config.devices.interfaces] == ["e1000"]
    connection.define(text.replace("model type='e1000'", "model type='vmxnet3'"))
    assert [card.model.type for card in guest.config().devices.interfaces] == ["vmxnet3"]


def test_media_and_cards_are_changed_as_they_are(connection: Any, guest: Any) -> None:
    drive = "<disk type='file' device='cdrom'>{source}<target dev='sda' bus='sata'/></disk>"
    card = CARD.format(model="e1000").replace("<source", "<mac address='00:50:56:00:00:{number}'/><source")
    text = guest.xml()

    def become(number: str, source: str = "", link: str = "") -> tuple[Any, Any]:
        devices = drive.format(source=source) + card.format(number=number).replace(
            "</interface>", f"{link}</interface>"
        )
        connection.define(text.replace("<devices>", f"<devices>{devices}"))
        found = guest.config().devices
        return found.disks[0].source, found.interfaces[0]

    assert become("01")[0] is None
    medium, there = become("02", "<source file='[LocalDS_0] some.iso'/>", "<link state='down'/>")
    assert medium.file == "[LocalDS_0] some.iso"
    assert (there.mac.address, there.link.state) == ("00:50:56:00:00:02", "down")
    guest.start()
    medium, there = become("03", "<source file='[LocalDS_0] some.iso'/>")
    assert (there.mac.address, there.link.state) == ("00:50:56:00:00:03", "up")


def test_nothing_is_sent_where_nothing_differs(connection: Any, guest: Any) -> None:
    def tasks() -> int:
        from pyVmomi import vim

        session = connection._invoker.session
        rows = session.properties(vim.TaskManager, ("recentTask",), [session.content.taskManager])
        return len(next(iter(rows.values())).get("recentTask", ()))

    before = tasks()
    connection.define(guest.xml())
    assert tasks() == before


def test_a_running_guest_says_what_cannot_change(connection: Any, guest: Any) -> None:
    text = guest.xml()
    guest.start()
    before = guest.xml()
    with pytest.raises(InvalidState, match="the number of vCPUs"):
        connection.define(text.replace(">1</vcpu>", ">2</vcpu>"))
    assert guest.xml() == before


def test_a_network_that_is_not_there_is_missed_by_name(connection: Any) -> None:
    with pytest.raises(UnsupportedConfiguration, match="no network 'Nowhere'"):
        connection.define(document("lost", devices=CARD.format(model="e1000").replace("VM Network", "Nowhere")))
    with pytest.raises(NoSuchDomain):
        connection.domain("lost")


def test_names_belong_to_one_guest(connection: Any, guest: Any) -> None:
    with pytest.raises(AlreadyExists):
        connection.define(document(guest.name))


def test_the_tools_are_asked_to_shut_down(guest: Any) -> None:
    guest.start()
    guest.shutdown()
    assert (guest.state().state, guest.state().reason) == ("shut off", "shutdown")


def test_guests_start_with_their_host(connection: Any, guest: Any) -> None:
    assert not guest.autostart()
    guest.set_autostart(True)
    assert guest.autostart()
    assert [row.ref.name for row in connection.list_domains(autostart=True)] == [guest.name]
    guest.set_autostart(False)
    assert connection.list_domains(autostart=True) == []


def test_the_host_is_told_of(connection: Any) -> None:
    found = connection.capabilities()
    assert found.host.cpu.arch == "x86_64" and found.host.topology.cells.num == 1
    assert {guest.arch.name for guest in found.guests} == {"i686", "x86_64"}
    assert connection.host_info().cpus == connection.cpu_map().present
    assert connection.domain_capabilities().vcpu.max == connection.max_vcpus()
    assert "scsi" in str(connection.domain_capabilities().devices.disk.choices)


def test_a_guest_that_was_undefined_finds_its_files_again(connection: Any) -> None:
    from pyVmomi import vim

    def files(guest: Any) -> str:
        session = connection._invoker.session
        machine = session.vm(guest.ref)
        return session.properties(vim.VirtualMachine, ("config.files.vmPathName",), [machine])[machine][
            "config.files.vmPathName"
        ]

    first = connection.define(document("returning", devices=CARD.format(model="vmxnet3")))
    before, text = files(first), first.xml()
    first.undefine()
    again = connection.define(text)
    try:
        assert files(again) == before
        assert text.partition("<vmware:moref>")[0] == again.xml().partition("<vmware:moref>")[0]
        again.undefine()
        other = connection.define(document("returning"))
        assert files(other) != before and other.uuid != again.uuid
        again = other
    finally:
        again.undefine()
