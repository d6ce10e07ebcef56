"""Asking the operating system inside a guest, through the agent on its ``org.qemu.guest_agent.0`` channel."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from polyvisor.errors import InvalidArgument
from polyvisor.operations.guest import (
    AddressSource,
    GuestFilesystem,
    GuestInfo,
    GuestInfoGroup,
    GuestInterface,
    GuestVcpus,
)
from polyvisor.spi import DomainRef, hookimpl
from polyvisor_test import guestsystem
from polyvisor_test.guestsystem import GuestSystem
from polyvisor_test.machine import Machine
from polyvisor_test.processors import plugged
from polyvisor_test.session import TestSession


class GuestOperations:
    """The operations of ``polyvisor.operations.guest``."""

    @hookimpl
    def guest_hostname(
        self, session: TestSession, domain: DomainRef, *, source: AddressSource = AddressSource.AGENT
    ) -> str:
        if source is AddressSource.ARP:
            raise InvalidArgument("the ARP table knows no names", hint="ask the agent or the leases")
        with _agent(session, domain) as (_, system):
            return system.hostname

    @hookimpl
    def guest_interfaces(
        self, session: TestSession, domain: DomainRef, *, source: AddressSource = AddressSource.LEASE
    ) -> list[GuestInterface]:
        with session.machine(domain) as machine:
            machine.require_active()
            if source is AddressSource.AGENT:
                machine.require_agent()
            return guestsystem.interfaces(machine.config, inside=source is AddressSource.AGENT)

    @hookimpl
    def guest_info(
        self,
        session: TestSession,
        domain: DomainRef,
        *,
        groups: Collection[GuestInfoGroup] = (),
        enforce: bool = False,  # every group is known, so there is never one to miss
    ) -> GuestInfo:
        with _agent(session, domain) as (machine, system):
            return GuestInfo(
                {
                    name if group is GuestInfoGroup.HOSTNAME else f"{group.value}.{name}": value
                    for group in groups or GuestInfoGroup
                    for name, value in guestsystem.facts(system, machine.config, group)
                }
            )

    # -- file systems -----------------------------------------------------------------------------------------

    @hookimpl
    def guest_filesystems(self, session: TestSession, domain: DomainRef) -> list[GuestFilesystem]:
        with _agent(session, domain) as (machine, _):
            return guestsystem.filesystems(machine.config)

    @hookimpl
    def freeze_filesystems(self, session: TestSession, domain: DomainRef, *, mountpoints: Sequence[str] = ()) -> int:
        with _agent(session, domain) as (_, system):
            system.frozen |= system.mountpoints(mountpoints)
            return len(system.frozen)

    @hookimpl
    def thaw_filesystems(self, session: TestSession, domain: DomainRef, *, mountpoints: Sequence[str] = ()) -> int:
        with _agent(session, domain) as (_, system):
            thawed = system.frozen & system.mountpoints(mountpoints)
            system.frozen -= thawed
            return len(thawed)

    @hookimpl
    def trim_filesystems(
        self, session: TestSession, domain: DomainRef, *, mountpoint: str | None = None, minimum: int = 0
    ) -> None:
        """Simulated disks have no unused blocks to give back: the request is checked and done."""
        if minimum < 0:
            raise InvalidArgument(f"{minimum} bytes is no length")
        with _agent(session, domain) as (_, system):
            system.mountpoints([mountpoint] if mountpoint else [])

    # -- time, users, CPUs ------------------------------------------------------------------------------------

    @hookimpl
    def guest_time(self, session: TestSession, domain: DomainRef) -> int:
        with _agent(session, domain) as (_, system):
            return system.time(session.node.tick())

    @hookimpl
    def set_guest_time(self, session: TestSession, domain: DomainRef, nanoseconds: int | None) -> None:
        if nanoseconds is not None and nanoseconds < 0:
            raise InvalidArgument("a guest's clock cannot show a time before the epoch")
        with _agent(session, domain) as (_, system):
            system.set_time(session.node.clock, nanoseconds)

    @hookimpl
    def set_guest_password(
        self, session: TestSession, domain: DomainRef, user: str, password: str, *, encrypted: bool = False
    ) -> None:
        """Simulated users cannot log in, so the password is checked and forgotten."""
        if not password or "\0" in password or "\n" in password:
            raise InvalidArgument("a password is not empty and has no line breaks")
        with _agent(session, domain) as (_, system):
            system.require_user(user)

    @hookimpl
    def guest_ssh_keys(self, session: TestSession, domain: DomainRef, user: str) -> list[str]:
        with _agent(session, domain) as (_, system):
            system.require_user(user)
            return list(system.keys.get(user, ()))

    @hookimpl
    def set_guest_ssh_keys(
        self,
        session: TestSession,
        domain: DomainRef,
        user: str,
        keys: Sequence[str],
        *,
        append: bool = False,
        remove: bool = False,
    ) -> None:
        if append and remove:
            raise InvalidArgument("keys cannot be added and removed at once")
        if any(not key.strip() or "\n" in key for key in keys):
            raise InvalidArgument("every key is one line")
        with _agent(session, domain) as (_, system):
            system.require_user(user)
            had = system.keys.get(user, [])
            if append:
                system.keys[user] = [*had, *(key for key in keys if key not in had)]
            elif remove:
                system.keys[user] = [key for key in had if key not in keys]
            else:
                system.keys[user] = list(keys)

    @hookimpl
    def guest_vcpus(self, session: TestSession, domain: DomainRef) -> GuestVcpus:
        with _agent(session, domain) as (machine, system):
            present = plugged(machine.config)
            return GuestVcpus(present, present - system.offline, present - {0})

    @hookimpl
    def set_guest_vcpus(self, session: TestSession, domain: DomainRef, vcpus: Collection[int], online: bool) -> None:
        with _agent(session, domain) as (machine, _):
            machine.set_online(vcpus, online)

    @hookimpl
    def set_agent_timeout(self, session: TestSession, domain: DomainRef, seconds: float | None) -> None:
        """The simulated agent always answers at once, so there is nothing to wait for."""
        if seconds is not None and not seconds >= 0:  # not a number, either
            raise InvalidArgument(f"{seconds} seconds is no time to wait", hint="None means the usual time")
        with _agent(session, domain):
            pass


@contextmanager
def _agent(session: TestSession, domain: DomainRef) -> Iterator[tuple[Machine, GuestSystem]]:
    """The running guest and the system its agent speaks for; raises InvalidState when there is no agent."""
    with session.machine(domain) as machine:
        yield machine, machine.require_agent()
