"""What the system inside a guest tells through its agent, and what it can be told."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import HypervisorError, InvalidArgument, InvalidState, PolyvisorError
from polyvisor.operations.guest import AddressSource, GuestInfoGroup
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain

KEYS = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFirst one@example", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAISecond two"]

ASKING: dict[str, Callable[[Domain], object]] = {
    "guest_hostname": lambda guest: guest.guest_hostname(),
    "guest_interfaces(source)": lambda guest: guest.guest_interfaces(source=AddressSource.AGENT),
    "guest_info": lambda guest: guest.guest_info(),
    "guest_filesystems": lambda guest: guest.guest_filesystems(),
    "freeze_filesystems": lambda guest: guest.freeze_filesystems(),
    "thaw_filesystems": lambda guest: guest.thaw_filesystems(),
    "trim_filesystems": lambda guest: guest.trim_filesystems(),
    "guest_time": lambda guest: guest.guest_time(),
    "set_guest_time": lambda guest: guest.set_guest_time(None),
    "set_guest_password": lambda guest: guest.set_guest_password("root", "conformance"),
    "guest_ssh_keys": lambda guest: guest.guest_ssh_keys("root"),
    "set_guest_ssh_keys": lambda guest: guest.set_guest_ssh_keys("root", KEYS),
    "guest_vcpus": lambda guest: guest.guest_vcpus(),
    "set_guest_vcpus": lambda guest: guest.set_guest_vcpus([0], True),
    "agent_command": lambda guest: guest.agent_command('{"execute": "guest-ping"}'),
}
"""Something to ask of an agent, by operation."""


@pytest.fixture
def guest(kit: Kit) -> Domain:
    """A running guest whose agent answers."""
    devices = [kind for kind in ("disk", "interface") if getattr(kit.parts, kind)]
    found = kit.running("agent", *devices, extra="<vcpu>2</vcpu>")
    kit.bench.wait_until_up(found)
    return found


# -- whether it answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", list(ASKING))
def test_nobody_answers_in_a_guest_that_is_off(bench: Bench, kit: Kit, operation: str) -> None:
    bench.need(operation)
    guest = kit.guest()
    with pytest.raises(InvalidState):
        ASKING[operation](guest)


@pytest.mark.parametrize("operation", list(ASKING))
def test_nobody_answers_without_an_agent(bench: Bench, running: Domain, operation: str) -> None:
    bench.need(operation, "domain.xml")
    bench.require(bench.target.parts.agent, "the system inside is asked without an agent here")
    bench.require("guest_agent" not in running.xml(), "the target's guest has an agent")
    with pytest.raises(InvalidState):
        ASKING[operation](running)


@pytest.mark.parametrize("operation", list(ASKING))
def test_an_agent_answers(bench: Bench, guest: Domain, operation: str) -> None:
    bench.need(operation)
    ASKING[operation](guest)


# -- who it is ------------------------------------------------------------------------------------------------


@needs("guest.hostname")
def test_a_guest_has_a_name_for_itself(guest: Domain) -> None:
    assert guest.guest_hostname()
    assert "\n" not in guest.guest_hostname()


@needs("guest_interfaces(source)")
def test_addresses_are_addresses(guest: Domain) -> None:
    found = guest.guest_interfaces(source=AddressSource.AGENT)
    assert found
    for address in (address for interface in found for address in interface.addresses):
        parsed = ipaddress.ip_address(address.address)
        assert address.family == f"ipv{parsed.version}"
        assert 0 <= address.prefix <= parsed.max_prefixlen


@needs("guest_interfaces(source)")
def test_the_agent_knows_the_guests_cards(kit: Kit, guest: Domain) -> None:
    kit.bench.require(kit.parts.interface, "the guest has no card")
    found = guest.guest_interfaces(source=AddressSource.AGENT)
    assert kit.mac() in [interface.mac.lower() for interface in found if interface.mac]


@needs("guest.addresses")
def test_leases_are_told_without_an_agent(kit: Kit) -> None:
    guest = kit.running("interface")
    for interface in guest.guest_interfaces():
        assert interface.name
        for address in interface.addresses:
            ipaddress.ip_address(address.address)


@needs("guest.addresses")
def test_an_off_guest_has_no_addresses(kit: Kit) -> None:
    guest = kit.guest("interface")
    with pytest.raises(InvalidState):
        guest.guest_interfaces()


@needs("guest_info(groups)")
@pytest.mark.parametrize("group", list(GuestInfoGroup))
def test_a_group_of_facts_has_its_own_names_only(guest: Domain, group: GuestInfoGroup) -> None:
    values = guest.guest_info(groups=[group]).values
    assert all(name.partition(".")[0] == group.value for name in values)
    assert all(type(value) in (int, float, bool, str) for value in values.values())
    if f"{group.value}.count" in values:
        numbers = {name.split(".")[1] for name in values} - {"count"}
        assert numbers == {str(number) for number in range(int(values[f"{group.value}.count"]))}


@needs("guest_info(groups)")
def test_no_groups_are_all_that_the_agent_knows(guest: Domain) -> None:
    everything = set(guest.guest_info().values)
    assert everything
    assert everything >= set(guest.guest_info(groups=[GuestInfoGroup.HOSTNAME]).values)


@needs("guest_info(groups, enforce)")
@pytest.mark.parametrize("group", list(GuestInfoGroup))
def test_a_group_that_is_insisted_on_is_there_or_refused(guest: Domain, group: GuestInfoGroup) -> None:
    try:
        found = guest.guest_info(groups=[group], enforce=True)
    except InvalidArgument:
        assert guest.guest_info(groups=[group]).values == {}
    else:
        assert found.values.keys() == guest.guest_info(groups=[group]).values.keys()


# -- file systems ---------------------------------------------------------------------------------------------


@needs("guest.fsinfo")
def test_file_systems_are_mounted_somewhere(guest: Domain) -> None:
    found = guest.guest_filesystems()
    assert found
    for filesystem in found:
        assert filesystem.mountpoint and filesystem.type
        assert filesystem.total is None or filesystem.used is None or 0 <= filesystem.used <= filesystem.total
    assert len({filesystem.mountpoint for filesystem in found}) == len(found)


@needs("guest.fsfreeze", "guest.fsfreeze.thaw")
def test_as_many_thaw_as_were_frozen(guest: Domain) -> None:
    frozen = guest.freeze_filesystems()
    assert frozen > 0
    assert guest.thaw_filesystems() == frozen
    assert guest.thaw_filesystems() == 0


@needs("freeze_filesystems(mountpoints)", "guest.fsfreeze.thaw", "guest.fsinfo")
def test_one_file_system_may_freeze(guest: Domain) -> None:
    mountpoint = guest.guest_filesystems()[0].mountpoint
    try:
        assert guest.freeze_filesystems(mountpoints=[mountpoint]) == 1
    finally:
        guest.thaw_filesystems()


@needs("freeze_filesystems(mountpoints)", "guest.fsfreeze.thaw")
def test_a_file_system_that_is_not_there_does_not_freeze(guest: Domain) -> None:
    with pytest.raises((InvalidArgument, HypervisorError)):
        guest.freeze_filesystems(mountpoints=["/no/such/mountpoint"])
    assert guest.thaw_filesystems() == 0


@needs("guest.fsfreeze", "guest.fsfreeze.thaw", "domain.destroy")
def test_a_frozen_guest_can_be_destroyed(guest: Domain) -> None:
    guest.freeze_filesystems()
    guest.destroy()
    guest.start()
    assert guest.state().state.active


@needs("trim_filesystems(minimum)")
def test_a_length_is_no_negative_number(guest: Domain) -> None:
    with pytest.raises(InvalidArgument):
        guest.trim_filesystems(minimum=-1)


# -- time -----------------------------------------------------------------------------------------------------


@needs("guest.time", "guest.time.set")
def test_the_clock_shows_what_it_is_set_to(guest: Domain) -> None:
    wanted = 1_900_000_000 * 10**9
    guest.set_guest_time(wanted)
    assert wanted <= guest.guest_time() < wanted + 3600 * 10**9
    guest.set_guest_time(None)


@needs("guest.time")
def test_the_clock_does_not_go_back(guest: Domain) -> None:
    first = guest.guest_time()
    assert guest.guest_time() >= first > 10**18


@needs("guest.time.set")
def test_no_clock_shows_a_time_before_the_epoch(guest: Domain) -> None:
    with pytest.raises(InvalidArgument):
        guest.set_guest_time(-1)


# -- users ----------------------------------------------------------------------------------------------------


@needs("guest.ssh-keys", "guest.ssh-keys.set")
def test_keys_are_set_whole(guest: Domain) -> None:
    guest.set_guest_ssh_keys("root", KEYS)
    assert guest.guest_ssh_keys("root") == KEYS
    guest.set_guest_ssh_keys("root", KEYS[:1])
    assert guest.guest_ssh_keys("root") == KEYS[:1]
    guest.set_guest_ssh_keys("root", [])
    assert guest.guest_ssh_keys("root") == []


@needs("guest.ssh-keys", "set_guest_ssh_keys(append, remove)")
def test_keys_are_added_and_taken_out(guest: Domain) -> None:
    guest.set_guest_ssh_keys("root", KEYS[:1])
    for _ in range(2):
        guest.set_guest_ssh_keys("root", KEYS[1:], append=True)
    assert guest.guest_ssh_keys("root") == KEYS
    for _ in range(2):
        guest.set_guest_ssh_keys("root", KEYS[:1], remove=True)
    assert guest.guest_ssh_keys("root") == KEYS[1:]


@needs("guest.ssh-keys", "set_guest_ssh_keys(append, remove)")
@pytest.mark.parametrize(
    ("keys", "options"),
    [(KEYS, {"append": True, "remove": True}), ([f"{KEYS[0]}\n{KEYS[1]}"], {}), ([""], {})],
)
def test_keys_that_cannot_be_change_nothing(guest: Domain, keys: list[str], options: dict[str, bool]) -> None:
    guest.set_guest_ssh_keys("root", KEYS[:1])
    with pytest.raises(InvalidArgument):
        guest.set_guest_ssh_keys("root", keys, **options)
    assert guest.guest_ssh_keys("root") == KEYS[:1]


@needs("guest.ssh-keys", "guest.password", "guest.ssh-keys.set")
def test_a_user_that_nobody_knows(guest: Domain) -> None:
    for call in (
        lambda: guest.guest_ssh_keys("nobody-of-this-name"),
        lambda: guest.set_guest_ssh_keys("nobody-of-this-name", KEYS),
        lambda: guest.set_guest_password("nobody-of-this-name", "conformance"),
    ):
        with pytest.raises((InvalidArgument, HypervisorError)):
            call()


@needs("guest.password")
def test_a_password_is_in_no_error_and_no_log(guest: Domain, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    secret = "correct-horse-battery"
    guest.set_guest_password("root", secret)
    with pytest.raises(PolyvisorError) as refusal:
        guest.set_guest_password("nobody-of-this-name", secret)
    assert secret not in str(refusal.value)
    assert secret not in str(refusal.value.as_dict())
    assert secret not in caplog.text


# -- CPUs -----------------------------------------------------------------------------------------------------


@needs("guest.vcpus", "guest.vcpus.set")
def test_the_system_takes_cpus_offline_and_online(guest: Domain) -> None:
    before = guest.guest_vcpus()
    assert before.online <= before.present and before.offlinable <= before.present
    number = max(before.offlinable)
    guest.set_guest_vcpus([number], False)
    assert guest.guest_vcpus().online == before.online - {number}
    assert guest.guest_vcpus().present == before.present, "they stay plugged in"
    guest.set_guest_vcpus([number], True)
    assert guest.guest_vcpus().online == before.online


@needs("guest.vcpus", "guest.vcpus.set")
@pytest.mark.parametrize("vcpus", [[77], [-1]])
def test_cpus_that_are_not_there_change_nothing(guest: Domain, vcpus: list[int]) -> None:
    before = guest.guest_vcpus()
    with pytest.raises((InvalidArgument, HypervisorError)):
        guest.set_guest_vcpus(vcpus, False)
    assert guest.guest_vcpus() == before


@needs("guest.vcpus", "vcpu.count")
def test_the_system_sees_what_is_plugged_in(guest: Domain) -> None:
    assert len(guest.guest_vcpus().present) == guest.vcpu_count() == 2


# -- how long to wait -----------------------------------------------------------------------------------------


@needs("guest.agent-timeout", "guest.hostname")
def test_waiting_times_are_set_and_forgotten(guest: Domain) -> None:
    for seconds in (30.0, math.inf, None):
        guest.set_agent_timeout(seconds)
        assert guest.guest_hostname()


@needs("guest.agent-timeout")
@pytest.mark.parametrize("seconds", [-1.0, -0.5, math.nan, -math.inf])
def test_a_waiting_time_is_no_negative_number(guest: Domain, seconds: float) -> None:
    with pytest.raises(InvalidArgument):
        guest.set_agent_timeout(seconds)


# -- its own words --------------------------------------------------------------------------------------------


@needs("qemu.agent")
def test_an_answer_is_json(guest: Domain) -> None:
    import json

    assert json.loads(guest.agent_command('{"execute": "guest-ping"}')) == {"return": {}}
    answer: Any = json.loads(guest.agent_command('{"execute": "guest-no-such-command"}'))
    assert "error" in answer or "return" not in answer


@needs("qemu.agent")
@pytest.mark.parametrize("command", ["", "guest-ping", "[]", "{}", '{"execute": 7}', '{"execute": "guest-ping"'])
def test_what_is_no_command_is_not_sent(guest: Domain, command: str) -> None:
    with pytest.raises(InvalidArgument):
        guest.agent_command(command)


@needs("agent_command(timeout)")
def test_an_answer_need_not_be_waited_for(guest: Domain) -> None:
    assert guest.agent_command('{"execute": "guest-ping"}', timeout=0) == ""
