"""A driver whose hypervisor is a dictionary that outlives connections, so that commands can be tried one by one.

``fake:///NAME`` opens the hypervisor NAME; each has a running domain ``web`` and a defined one ``mail`` at first.
Tests install this module as the distribution ``fakehv``; see conftest.py.
"""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from uuid import UUID

from polyvisor.errors import ConnectFailed, InvalidState, NoSuchDomain, NoSuchMetadata
from polyvisor.operations.configuration import MetadataKind
from polyvisor.operations.connection import Version
from polyvisor.operations.host import CpuMap, CpuTimes, FreeMemory, HostInfo, MemoryStats
from polyvisor.operations.listing import ControlInfo, DomainInfo
from polyvisor.spi import DomainRef, DomainRow, DomainState, Lifecycle, Session, StateInfo, hookimpl, lifecycle

WEB = UUID("00000000-0000-4000-8000-000000000001")
MAIL = UUID("00000000-0000-4000-8000-000000000002")

machines: dict[str, Machine] = {}


class Machine:
    """A hypervisor and its domains."""

    def __init__(self):
        self.rows = {
            WEB: DomainRow(DomainRef("web", WEB, 1), DomainState.RUNNING, "booted", True, True, False, title="Shop"),
            MAIL: DomainRow(DomainRef("mail", MAIL), DomainState.SHUT_OFF, "shutdown", True, False, True),
        }
        self.texts = {}
        self.calls = []
        self.obedient = False

    def change(self, session, uuid, state, reason, event, detail, *, id=None):
        row = self.rows[uuid]
        self.rows[uuid] = replace(row, ref=replace(row.ref, id=id), state=state, reason=reason)
        session.events(lifecycle(self.rows[uuid].ref, event, detail))
        return self.rows[uuid].ref


class FakeSession(Session):
    def __init__(self, uri, context):
        super().__init__(uri, context)
        self.machine = machines.setdefault(uri.path, Machine())


class EchoStream:
    """A console that greets, then says back what it hears; ``poweroff`` ends it."""

    def __init__(self):
        self._out, self._in = os.pipe()
        os.write(self._in, b"login: ")
        self._heard = b""
        self._lock = threading.Lock()
        self._closed = False

    def fileno(self):
        return self._out

    def read(self, size=65536):
        return os.read(self._out, size)

    def write(self, data):
        with self._lock:
            if self._in is None:
                raise ValueError("closed")
            self._heard += data
            os.write(self._in, data)
            if b"poweroff" in self._heard:
                os.close(self._in)
                self._in = None
        return len(data)

    def close(self):
        with self._lock:
            if self._in is not None:
                os.close(self._in)
                self._in = None
            if not self._closed:
                os.close(self._out)
                self._closed = True

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class FakeDriver:
    name = "fake"
    schemes = ("fake",)
    hooks_version = (1, 0)

    @hookimpl
    def connect(self, uri, context):
        if uri.path == "/down":
            raise ConnectFailed("the hypervisor does not answer", hint="start it")
        return FakeSession(uri, context)

    @hookimpl
    def hypervisor_type(self, session):
        return "FAKE"

    @hookimpl
    def version(self, session):
        return Version(3, 2, 1)

    @hookimpl
    def hostname(self, session):
        return "host.example"

    @hookimpl
    def host_info(self, session):
        return HostInfo("x86_64", 4194304, 8, 2000, 1, 1, 4, 2)

    @hookimpl
    def cpu_map(self, session):
        return CpuMap(4, frozenset({0, 1, 3}))

    @hookimpl
    def host_cpu_stats(self, session, cpu):
        return CpuTimes(kernel=2000, user=1000, idle=5000, iowait=10)

    @hookimpl
    def host_memory_stats(self, session, cell):
        return MemoryStats(4194304, 1048576)

    @hookimpl
    def free_memory(self, session):
        return FreeMemory(3 * 2**20, {0: 2**20, 1: 2 * 2**20})

    @hookimpl
    def free_pages(self, session, sizes_kib, cells):
        return {cell: {4: 10, 2048: 2} for cell in cells or (0, 1)}

    @hookimpl
    def list_domains(self, session, active, persistent, autostart, states, columns):
        session.machine.calls.append(("list_domains", set(columns)))
        rows = session.machine.rows.values()
        if active is not None:
            rows = [row for row in rows if row.state.active is active]
        if persistent is not None:
            rows = [row for row in rows if row.persistent is persistent]
        if autostart is not None:
            rows = [row for row in rows if row.autostart is autostart]
        if states is not None:
            rows = [row for row in rows if row.state in states]
        return sorted(rows, key=lambda row: (row.ref.id is None, row.ref.id, row.name))

    @hookimpl
    def lookup_domain(self, session, name, uuid, id):
        for row in session.machine.rows.values():
            if name == row.name or uuid == row.ref.uuid or (id is not None and id == row.ref.id):
                return row.ref
        raise NoSuchDomain(f"there is no domain {name or uuid or id}")

    @hookimpl
    def domain_state(self, session, domain):
        row = session.machine.rows[domain.uuid]
        return StateInfo(row.state, row.reason)

    @hookimpl
    def domain_info(self, session, domain):
        row = session.machine.rows[domain.uuid]
        cpu_time = 12_340_000_000 if row.state.active else None
        return DomainInfo(row.state, row.reason, 2048, 1024, 2, cpu_time, True, row.autostart, row.managed_save, "hvm")

    @hookimpl
    def control_info(self, session, domain):
        return ControlInfo("occupied", for_ms=1500)

    @hookimpl
    def start(self, session, domain, paused, force_boot):
        row = session.machine.rows[domain.uuid]
        if row.state.active:
            raise InvalidState(f"{domain} is running", hint="destroy it first")
        session.machine.calls.append(("start", {"paused": paused, "force_boot": force_boot}))
        state, reason = (DomainState.PAUSED, "user") if paused else (DomainState.RUNNING, "booted")
        return session.machine.change(session, domain.uuid, state, reason, Lifecycle.STARTED, "booted", id=7)

    @hookimpl
    def suspend(self, session, domain):
        session.machine.change(
            session, domain.uuid, DomainState.PAUSED, "user", Lifecycle.SUSPENDED, "paused", id=domain.id
        )

    @hookimpl
    def resume(self, session, domain):
        session.machine.change(
            session, domain.uuid, DomainState.RUNNING, "unpaused", Lifecycle.RESUMED, "unpaused", id=domain.id
        )

    @hookimpl
    def destroy(self, session, domain, graceful):
        session.machine.calls.append(("destroy", {"graceful": graceful}))
        session.machine.change(session, domain.uuid, DomainState.SHUT_OFF, "destroyed", Lifecycle.STOPPED, "destroyed")

    @hookimpl
    def shutdown(self, session, domain, modes):
        session.machine.calls.append(("shutdown", modes))
        if session.machine.obedient:
            session.machine.change(
                session, domain.uuid, DomainState.SHUT_OFF, "shutdown", Lifecycle.STOPPED, "shutdown"
            )

    @hookimpl
    def reset(self, session, domain):
        raise KeyError("a bug of the driver")

    @hookimpl
    def set_autostart(self, session, domain, enabled):
        row = session.machine.rows[domain.uuid]
        session.machine.rows[domain.uuid] = replace(row, autostart=enabled)

    @hookimpl
    def metadata(self, session, domain, kind, uri):
        try:
            return session.machine.texts[domain.uuid, MetadataKind(kind), uri]
        except KeyError:
            raise NoSuchMetadata(f"{domain} has no {kind}") from None

    @hookimpl
    def set_metadata(self, session, domain, kind, value, uri, key, affect):
        session.machine.calls.append(("set_metadata", affect))
        key = domain.uuid, kind, uri
        if value is None:
            session.machine.texts.pop(key, None)
        else:
            session.machine.texts[key] = value

    @hookimpl
    def open_console(self, session, domain, device):
        if not session.machine.rows[domain.uuid].state.active:
            raise InvalidState(f"{domain} is not running")
        return EchoStream()


driver = FakeDriver()
