"""The system inside a simulated guest: its agent, its consoles."""

from __future__ import annotations

import select
import threading

import pytest

from polyvisor.errors import HypervisorError, InvalidArgument, InvalidState, NoSuchDevice
from polyvisor.operations.guest import AddressSource, GuestInfoGroup

BARE = "<domain type='test'><name>bare</name><memory>65536</memory><os><type>hvm</type></os></domain>"


# -- the agent --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        lambda guest: guest.guest_hostname(),
        lambda guest: guest.guest_info(),
        lambda guest: guest.guest_filesystems(),
        lambda guest: guest.freeze_filesystems(),
        lambda guest: guest.guest_time(),
        lambda guest: guest.guest_vcpus(),
        lambda guest: guest.guest_ssh_keys("root"),
        lambda guest: guest.guest_interfaces(source=AddressSource.AGENT),
        lambda guest: guest.create_snapshot(quiesce=True),
    ],
)
def test_without_an_agent_nobody_answers(connection, guest, ask):
    with pytest.raises(InvalidState, match="agent"):
        ask(connection.create(BARE))
    ask(guest)
    guest.suspend()
    with pytest.raises(InvalidState):
        ask(guest)


def test_who_it_is(guest):
    assert guest.guest_hostname() == "test"
    values = guest.guest_info(groups=[GuestInfoGroup.HOSTNAME, GuestInfoGroup.USERS]).values
    assert values == {"hostname": "test", "user.count": 2, "user.0.name": "root", "user.1.name": "guest"}


def test_addresses(guest):
    (leased,) = guest.guest_interfaces()
    assert (leased.mac, leased.addresses[0].address) == ("aa:bb:cc:dd:ee:ff", "192.168.122.7")
    inside = guest.guest_interfaces(source=AddressSource.AGENT)
    assert [interface.name for interface in inside] == ["lo", "eth0"]


def test_file_systems_freeze_and_thaw(guest):
    assert [found.mountpoint for found in guest.guest_filesystems()] == ["/boot", "/"]
    assert guest.freeze_filesystems(mountpoints=["/"]) == 1
    assert guest.freeze_filesystems() == 2
    assert guest.thaw_filesystems() == 2
    assert guest.thaw_filesystems() == 0
    with pytest.raises(InvalidArgument, match="/srv"):
        guest.trim_filesystems(mountpoint="/srv")


def test_the_clock_can_be_set(guest):
    guest.set_guest_time(10**18)
    assert guest.guest_time() == 10**18 + 10**9
    guest.set_guest_time(None)
    assert guest.guest_time() > 10**18
    with pytest.raises(InvalidArgument):
        guest.set_guest_time(-1)


def test_users_and_their_keys(guest):
    guest.set_guest_password("root", "secret")
    with pytest.raises(InvalidArgument, match="nobody"):
        guest.set_guest_password("nobody", "secret")
    guest.set_guest_ssh_keys("root", ["ssh-ed25519 A", "ssh-ed25519 B"])
    guest.set_guest_ssh_keys("root", ["ssh-ed25519 C", "ssh-ed25519 A"], append=True)
    guest.set_guest_ssh_keys("root", ["ssh-ed25519 B"], remove=True)
    assert guest.guest_ssh_keys("root") == ["ssh-ed25519 A", "ssh-ed25519 C"]
    with pytest.raises(InvalidArgument):
        guest.set_guest_ssh_keys("root", ["one\ntwo"])


def test_what_the_system_remembers_ends_with_it(guest):
    guest.set_guest_ssh_keys("root", ["ssh-ed25519 A"])
    guest.reset()
    assert guest.guest_ssh_keys("root") == []


# -- consoles ---------------------------------------------------------------------------------------------------


def test_a_console_echoes(guest):
    with guest.open_console() as console:
        assert console.write(b"hello") == 5
        assert console.read() == b"hello"


def test_readers_do_not_steal_from_one_another(guest):
    with guest.open_console() as first, guest.open_console(device="serial0") as second:
        first.write(b"from first ")
        second.write(b"from second")
        for console in (first, second):
            assert console.read(5) == b"from "
            assert console.read() == b"first from second"


def test_earlier_output_can_be_replayed(guest):
    with guest.open_console() as console:
        console.write(b"earlier")
    with guest.open_console(replay=3) as later:
        assert later.read() == b"ier"
    with guest.open_console(replay=1000) as later:
        assert later.read() == b"Welcome to test\r\nearlier"


def test_a_console_can_be_polled(guest):
    def readable(console):
        return bool(select.select([console], [], [], 0)[0])

    with guest.open_console() as console:
        assert not readable(console)
        console.write(b"ab")
        assert readable(console)
        console.read(1)
        assert readable(console)
        console.read(1)
        assert not readable(console)
        guest.destroy()
        assert readable(console) and console.read() == b""


def test_a_console_ends_with_its_guest(guest):
    console = guest.open_console()
    got = []
    reader = threading.Thread(target=lambda: got.append(console.read()))
    reader.start()
    guest.destroy()
    reader.join(30)
    assert got == [b""]
    with pytest.raises(HypervisorError):
        console.write(b"anybody?")
    console.close()
    console.close()
    with pytest.raises(ValueError, match="closed"):
        console.read()


def test_the_system_prints_on_its_console(guest):
    with guest.open_console() as console:
        guest.inject_nmi()
        assert b"interrupt" in console.read()


def test_channels_are_found_by_name(guest):
    with guest.open_channel(name="org.qemu.guest_agent.0") as channel, guest.open_channel() as same:
        channel.write(b"ping")
        assert same.read() == b"ping"
    with pytest.raises(NoSuchDevice, match="no channel"):
        guest.open_channel(name="org.example")


def test_a_console_needs_a_running_guest_that_has_one(connection, guest):
    with pytest.raises(NoSuchDevice):
        connection.create(BARE).open_console()
    with pytest.raises(NoSuchDevice, match="serial7"):
        guest.open_console(device="serial7")
    guest.destroy()
    with pytest.raises(InvalidState):
        guest.open_console()


def test_the_label_is_the_documents_or_the_instances(guest):
    (label,) = guest.security_labels()
    assert (label.model, label.label) == ("testSecurity", "guest:1")


def test_the_agent_speaks_json(guest):
    assert guest.agent_command('{"execute": "guest-ping"}') == '{"return": {}}'
    assert guest.agent_command('{"execute": "guest-sync", "arguments": {"id": 7}}') == '{"return": 7}'
    assert "CommandNotFound" in guest.agent_command('{"execute": "guest-dance"}')
    assert "guest-get-time" in guest.agent_command('{"execute": "guest-info"}')
    for broken in ("", "ping", "[]", '{"execute": 7}'):
        with pytest.raises(InvalidArgument):
            guest.agent_command(broken)
