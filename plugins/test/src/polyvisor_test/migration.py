"""Guests on their way from one simulated host to another, led by a client that knows both.

No byte of memory moves: there is none. What a guest takes along is its document and how long it has run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING
from uuid import UUID

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    HypervisorError,
    InvalidArgument,
    InvalidState,
    UnsupportedConfiguration,
)
from polyvisor.operations.domainjobs import JobOperation
from polyvisor.operations.migration import MigrationArrival, MigrationOffer, MigrationPlace, MigrationPlan
from polyvisor.spi import DomainRef, JobControl, Lifecycle, hookimpl
from polyvisor_test import transitions
from polyvisor_test.aliases import without_taps
from polyvisor_test.machine import Machine, MigrationLimits
from polyvisor_test.session import TestSession
from polyvisor_test.work import working

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

PLACE = "test-arrival:"
"""What the address of a waiting host begins with; the rest is the UUID of the guest it waits for."""

POSSIBLE = frozenset({"live", "paused", "persist", "undefine_source", "name", "unsafe"})
"""What a plan may ask for; ``unsafe`` asks for nothing here: simulated disks have no caches."""

LONGEST_COOKIE = 1024
"""Bytes of the longest cookie that a simulated host writes."""


class MigrationOperations:
    """The operations of ``polyvisor.operations.migration``."""

    @hookimpl
    def begin_migration(self, session: TestSession, domain: DomainRef, plan: MigrationPlan) -> MigrationOffer:
        _check(plan)
        with session.machine(domain) as machine:
            machine.require_active()
            if machine.leaving or machine.work is not None:
                raise Busy(f"{machine.ref} is busy", target=str(machine.ref))
            config = without_taps(machine.config.copy())
            config.id = None
            config.name = plan.name or config.name
            machine.leaving = True
            return MigrationOffer(config)

    @hookimpl
    def prepare_migration(
        self, session: TestSession, config: Domain, plan: MigrationPlan, cookie: bytes
    ) -> MigrationPlace:
        _check(plan)
        uuid, node = UUID(str(config.uuid)), session.node
        with node.lock:
            node.require_free_name(config.name, uuid)
            machine = node.machines.get(uuid)
            if machine is None:
                machine = node.machines[uuid] = Machine(uuid, config.name)
            elif machine.active:
                raise AlreadyExists(f"{machine.ref} is running here already", target=str(machine.ref))
            machine.live = config.copy()
            try:
                session.power_on(machine, transitions.AWAIT)
            except UnsupportedConfiguration:
                node.forget_if_gone(machine)
                raise
            machine.arriving = True
            return MigrationPlace(f"{PLACE}{uuid}")

    @hookimpl
    def perform_migration(
        self, session: TestSession, domain: DomainRef, plan: MigrationPlan, place: MigrationPlace, job: JobControl
    ) -> bytes:
        with session.machine(domain) as machine:
            _require(machine, machine.leaving, "is not about to migrate")
        if place.uri != f"{PLACE}{domain.uuid}":
            raise HypervisorError(f"nobody waits for {domain} at {place.uri!r}", target=str(domain))
        try:
            with working(session, domain, JobOperation.MIGRATION_OUT, job) as machine:
                session.enter(machine, transitions.LEAVE)
                return json.dumps({"seconds": machine.vitals.seconds(session.node.clock)}).encode()
        except BaseException:
            with session.node.lock:
                if machine.active:
                    session.enter(machine, transitions.LEAVE)
            raise

    @hookimpl
    def finish_migration(
        self, session: TestSession, domain: DomainRef, plan: MigrationPlan, cookie: bytes, *, cancelled: bool = False
    ) -> MigrationArrival:
        with session.machine(domain) as machine:
            _require(machine, machine.arriving, "is not awaited here")
            seconds = None if cancelled else _running_time(cookie)
            machine.arriving = False
            if seconds is None:
                session.power_off(machine, transitions.NOT_ARRIVED)
                return MigrationArrival(None)
            if plan.persist:
                detail = "updated" if machine.persistent else "added"
                machine.stored = machine.config.copy()
                machine.stored.id = None
                session.tell_lifecycle(machine, Lifecycle.DEFINED, detail)
            session.enter(machine, transitions.ARRIVE_PAUSED if plan.paused else transitions.ARRIVE)
            machine.vitals.resume_at(seconds, session.node.clock, running=not plan.paused)
            return MigrationArrival(machine.ref)

    @hookimpl
    def confirm_migration(
        self, session: TestSession, domain: DomainRef, plan: MigrationPlan, cookie: bytes, *, cancelled: bool = False
    ) -> None:
        with session.machine(domain) as machine:
            _require(machine, machine.leaving, "is not about to migrate")
            machine.leaving = False
            if cancelled:
                if machine.state == transitions.LEAVE.state:
                    session.enter(machine, transitions.STAY)
                return
            if plan.undefine_source and machine.persistent:
                machine.stored = None
                session.tell_lifecycle(machine, Lifecycle.UNDEFINED, "removed")
            session.power_off(machine, transitions.LEFT)

    # -- limits -----------------------------------------------------------------------------------------------

    @hookimpl
    def migration_downtime(self, session: TestSession, domain: DomainRef) -> int:
        with _limits(session, domain) as limits:
            return limits.downtime_ms

    @hookimpl
    def set_migration_downtime(self, session: TestSession, domain: DomainRef, milliseconds: int) -> None:
        _require_positive(milliseconds, "milliseconds to stand still")
        with _limits(session, domain) as limits:
            limits.downtime_ms = milliseconds

    @hookimpl
    def migration_compression_cache(self, session: TestSession, domain: DomainRef) -> int:
        with _limits(session, domain) as limits:
            return limits.cache

    @hookimpl
    def set_migration_compression_cache(self, session: TestSession, domain: DomainRef, size: int) -> None:
        _require_positive(size, "bytes of cache")
        with _limits(session, domain) as limits:
            limits.cache = size

    @hookimpl
    def migration_speed(self, session: TestSession, domain: DomainRef) -> int:
        with _limits(session, domain) as limits:
            return limits.speed

    @hookimpl
    def set_migration_speed(self, session: TestSession, domain: DomainRef, bandwidth: int) -> None:
        if bandwidth < 0:
            raise InvalidArgument(f"{bandwidth} bytes per second is no speed", hint="0 is unlimited")
        with _limits(session, domain) as limits:
            limits.speed = bandwidth


def _check(plan: MigrationPlan) -> None:
    """Raise UnsupportedConfiguration for what a plan asks and simulated hosts cannot do."""
    for field in fields(plan):
        if field.name not in POSSIBLE and getattr(plan, field.name) != getattr(MigrationPlan(), field.name):
            raise UnsupportedConfiguration(f"simulated hosts cannot migrate a guest with {field.name}")


def _require(machine: Machine, holds: bool, otherwise: str) -> None:
    if not holds:
        raise InvalidState(f"{machine.ref} {otherwise}", target=str(machine.ref))


def _require_positive(value: int, what: str) -> None:
    if value <= 0:
        raise InvalidArgument(f"{value} is no number of {what}")


def _running_time(cookie: bytes) -> int | None:
    """Simulated seconds that an arriving guest has run; None when the cookie does not say that it was sent."""
    if not cookie or len(cookie) > LONGEST_COOKIE:
        return None
    try:
        seconds = json.loads(cookie)["seconds"]
    except (ValueError, TypeError, KeyError):
        return None
    return seconds if isinstance(seconds, int) and seconds >= 0 else None


@contextmanager
def _limits(session: TestSession, domain: DomainRef) -> Iterator[MigrationLimits]:
    """The limits of a running guest."""
    with session.machine(domain) as machine:
        machine.require_active()
        yield machine.migration
