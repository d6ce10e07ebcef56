"""The driver: sandboxes that are defined, started, paused and counted as any other domain."""

import shutil
import signal
from collections import namedtuple
from uuid import UUID

from polyvisor.documents import read, write
from polyvisor.errors import AlreadyExists, ConnectFailed, InvalidState, InvalidURI, NoSuchDomain
from polyvisor.model.domain import Domain
from polyvisor.operations.listing import DomainInfo
from polyvisor.operations.records import REASONS
from polyvisor.operations.statistics import DomainStats
from polyvisor.spi import Column, DomainRef, DomainRow, DomainState, Lifecycle, Session, StateInfo, hookimpl, lifecycle
from polyvisor.state import ObjectStore, Paths, alive
from polyvisor_bubblewrap import documents
from polyvisor_bubblewrap.sandbox import Sandbox

REASONS_OF_CODES = {None: "failed", 0: "shutdown", 128 + signal.SIGTERM: "shutdown"}


Guest = namedtuple("Guest", "ref state reason entry status box")
"""A domain at one moment. ``entry`` is None for one that is not defined; ``status`` is empty if it never ran."""


class BubblewrapSession(Session):
    """What is on disk below ``paths`` and nothing else, so that every process sees the same sandboxes."""

    def __init__(self, uri, context, paths):
        super().__init__(uri, context)
        self.paths, self.store = paths, ObjectStore(paths, missing=NoSuchDomain)
        self.store.recover()

    def guests(self, *, uuids=(), active=None, persistent=None, states=None):
        """Every domain, or those that are asked for, in one pass over the disk; sorted by id, then by name."""
        entries, statuses = {entry.uuid: entry for entry in self.store.entries()}, self.store.statuses()
        every = (self._look(uuid, entries.get(uuid), statuses.get(uuid, {})) for uuid in entries | statuses)
        found = [
            guest
            for guest in every
            if (guest.entry or guest.state.active) and (not uuids or guest.ref.uuid in uuids)
            if active in (None, guest.state.active) and persistent in (None, guest.entry is not None)
            if states is None or guest.state in states
        ]
        return sorted(found, key=lambda guest: (guest.ref.id is None, guest.ref.id or 0, guest.ref.name))

    def _look(self, uuid, entry, status):
        box, name = Sandbox(self.paths.run, uuid), entry.name if entry else status["name"]
        if status and (pid := box.told("child-pid")) and alive(box.report):
            state, reason = (DomainState.PAUSED, "user") if box.stopped else (DomainState.RUNNING, status["reason"])
            return Guest(DomainRef(name, uuid, pid), state, reason, entry, status, box)
        reason = status.get("ended") or REASONS_OF_CODES.get(box.told("exit-code"), "crashed")
        return Guest(DomainRef(name, uuid), DomainState.SHUT_OFF, reason if status else "unknown", entry, status, box)

    def guest(self, ref, *, active=None):
        """The domain now. Raises NoSuchDomain, and InvalidState unless it is ``active`` or not, as asked."""
        for guest in self.guests(uuids=[ref.uuid]):
            if active not in (None, guest.state.active):
                raise InvalidState(f"{guest.ref} is {guest.state}")
            return guest
        raise NoSuchDomain(f"there is no {ref} with UUID {ref.uuid}")

    def change(self, ref, act, event, detail, unless=None, **facts):
        """Have a running sandbox ``act`` and tell of it; nothing to do for one that is in state ``unless``."""
        with self.store.lock(ref.uuid):
            guest = self.guest(ref, active=True)
            if guest.state is not unless:
                self.store.write_status(ref.uuid, guest.status | facts)
                act(guest.box)
                self.events(lifecycle(guest.ref, event, detail))

    def config(self, guest, *, inactive=False):
        """The document that the running sandbox was started with, or else the stored one."""
        live = guest.state.active and not (inactive and guest.entry)
        text = guest.status["xml"] if live else self.store.load(guest.entry)
        config = read(text, Domain, contributions=documents.CONTRIBUTIONS, trusted=True)
        config.id = guest.ref.id if live and not inactive else None
        return config


class BubblewrapDriver(documents.DocumentHooks):
    name, hooks_version = "bubblewrap", (1, 0)

    @hookimpl
    def connect(self, uri, context):
        uri.reject_unknown_options("root")
        if shutil.which("bwrap") is None:
            raise ConnectFailed("there is no program bwrap on this host", hint="install the package bubblewrap")
        root = uri.option("root")
        if (uri.path, root) == ("/session", None):
            return BubblewrapSession(uri, context, Paths.session(self.name))
        if uri.path == "/embed" and root:
            return BubblewrapSession(uri, context, Paths.embedded(self.name, root))
        raise InvalidURI(f"{uri} is not served", hint="bubblewrap:///session or bubblewrap:///embed?root=/DIRECTORY")

    @hookimpl
    def define(self, session, config):
        uuid = UUID(config.uuid)
        with session.store.lock(uuid):
            if any(guest.ref.name == config.name and guest.ref.uuid != uuid for guest in session.guests()):
                raise AlreadyExists(f"the name {config.name!r} belongs to another domain")
            known = session.store.find(uuid=uuid)
            session.store.put(config.name, uuid, write(config).encode(), {})
            ref = session.guests(uuids=[uuid])[0].ref
            session.events(lifecycle(ref, Lifecycle.DEFINED, "updated" if known else "added"))
            return ref

    @hookimpl
    def undefine(self, session, domain):
        with session.store.lock(domain.uuid):
            guest = session.guest(domain)
            if guest.entry is None:
                raise InvalidState(f"{guest.ref} is not defined, it only runs")
            session.store.remove(guest.entry)
            if not guest.state.active:
                session.store.remove_status(domain.uuid)
            session.events(lifecycle(guest.ref, Lifecycle.UNDEFINED, "removed"))

    @hookimpl
    def domain_config(self, session, domain, *, inactive=False, secure=False):  # no sandbox's document has secrets
        return session.config(session.guest(domain), inactive=inactive)

    @hookimpl
    def list_domains(self, session, *, active=None, persistent=None, states=None, columns=()):
        found = session.guests(active=active, persistent=persistent, states=states)
        return [DomainRow(guest.ref, guest.state, guest.reason, **_cells(session, guest, columns)) for guest in found]

    @hookimpl
    def lookup_domain(self, session, *, name=None, uuid=None, id=None):
        for guest in session.guests():
            if name == guest.ref.name or uuid == guest.ref.uuid or (id is not None and id == guest.ref.id):
                return guest.ref
        raise NoSuchDomain(f"there is no domain {name or uuid or id}")

    @hookimpl
    def domain_state(self, session, domain):
        guest = session.guest(domain)
        return StateInfo(guest.state, guest.reason)

    @hookimpl
    def domain_info(self, session, domain):
        guest = session.guest(domain)
        kib, used = session.config(guest).memory_kib, guest.box.use()["cpu.time"] if guest.state.active else None
        return DomainInfo(guest.state, guest.reason, kib, kib, 1, used, guest.entry is not None, False, False, "exe")

    @hookimpl
    def domain_stats(self, session, *, domains=(), groups=(), active=None, states=None):
        found = session.guests(uuids=[ref.uuid for ref in domains], active=active, states=states)
        return [DomainStats(guest.ref, _figures(guest, groups)) for guest in found]

    @hookimpl
    def start(self, session, domain):
        with session.store.lock(domain.uuid):
            guest = session.guest(domain, active=False)
            config = session.config(guest)
            session.paths.create()
            session.store.write_status(domain.uuid, {"name": config.name, "reason": "booted", "xml": write(config)})
            guest.box.start(documents.arguments(config), config.devices.consoles[0].source.path)
            ref = DomainRef(config.name, domain.uuid, guest.box.told("child-pid"))
            session.events(lifecycle(ref, Lifecycle.STARTED, "booted"))
            return ref

    @hookimpl
    def shutdown(self, session, domain):
        session.guest(domain, active=True).box.terminate()

    @hookimpl
    def destroy(self, session, domain):
        session.change(domain, Sandbox.kill, Lifecycle.STOPPED, "destroyed", ended="destroyed")

    @hookimpl
    def suspend(self, session, domain):
        session.change(domain, Sandbox.suspend, Lifecycle.SUSPENDED, "paused", DomainState.PAUSED)

    @hookimpl
    def resume(self, session, domain):
        session.change(domain, Sandbox.resume, Lifecycle.RESUMED, "unpaused", DomainState.RUNNING, reason="unpaused")


def _cells(session, guest, columns):
    """What the table of domains shows of a sandbox; a column that nobody asked for costs nothing."""
    cells = {"persistent": guest.entry is not None}
    if Column.CPU_TIME in columns and guest.state.active:
        cells["cpu_time_ns"] = guest.box.use()["cpu.time"]
    if {Column.MEMORY, Column.VCPUS, Column.TITLE} & {*columns}:
        config = session.config(guest)
        cells |= {
            "memory_kib": config.memory_kib,
            "max_memory_kib": config.memory_kib,
            "vcpus": 1,
            "title": config.title,
        }
    return cells


def _figures(guest, groups):
    """libvirt's names; its numbers of states and reasons are their places in the lists."""
    figures = {
        "state.state": [*DomainState].index(guest.state),
        "state.reason": REASONS[guest.state].index(guest.reason),
    }
    figures |= guest.box.use() if guest.state.active else {}
    return {name: figure for name, figure in figures.items() if not groups or name.partition(".")[0] in groups}


driver = BubblewrapDriver()
