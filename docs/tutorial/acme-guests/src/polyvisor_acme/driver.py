"""The driver: a method for each operation that ACME has."""

from uuid import UUID

from polyvisor.errors import AlreadyExists, InvalidState, NoSuchDomain
from polyvisor.operations.listing import DomainInfo
from polyvisor.spi import DomainRow, Lifecycle, StateInfo, hookimpl
from polyvisor_acme.documents import DocumentHooks
from polyvisor_acme.session import AcmeSession, Guest


class AcmeDriver(DocumentHooks):
    name = "acme"
    hooks_version = (1, 0)

    @hookimpl
    def connect(self, uri, context):
        uri.reject_unknown_options()
        return AcmeSession(uri, context)

    # -- configurations -----------------------------------------------------------------------------------

    @hookimpl
    def define(self, session, config):
        uuid = UUID(config.uuid)
        with session.lock:
            if any(guest.config.name == config.name and guest.uuid != uuid for guest in session.guests.values()):
                raise AlreadyExists(f"the name {config.name!r} belongs to another guest")
            known = uuid in session.guests
            guest = session.guests.setdefault(uuid, Guest(uuid, config))
            guest.stored = config
            session.tell(guest, Lifecycle.DEFINED, "updated" if known else "added")
            return guest.ref

    @hookimpl
    def undefine(self, session, domain):
        with session.lock:
            guest = session.guest(domain)
            if guest.stored is None:
                raise InvalidState(f"{guest.ref} is not defined, it only runs")
            session.tell(guest, Lifecycle.UNDEFINED, "removed")
            guest.stored = None
            if guest.live is None:
                del session.guests[guest.uuid]

    @hookimpl
    def domain_config(self, session, domain, *, inactive=False, secure=False):  # ACME's documents have no secrets
        with session.lock:
            guest = session.guest(domain)
            stored = inactive and guest.stored is not None
            config = (guest.stored if stored else guest.config).copy()
            config.id = None if inactive else guest.id
            return config

    # -- looking ------------------------------------------------------------------------------------------

    @hookimpl
    def list_domains(self, session, *, active=None, persistent=None, states=None, columns=()):
        with session.lock:
            rows = [self._row(guest) for guest in session.guests.values()]
        kept = (
            row
            for row in rows
            if active in (None, row.state.active)
            if persistent in (None, row.persistent)
            if states is None or row.state in states
        )
        return sorted(kept, key=lambda row: (row.ref.id is None, row.ref.id or 0, row.ref.name))

    def _row(self, guest):
        kib, vcpus = guest.config.memory_kib, guest.config.vcpu.count
        return DomainRow(
            guest.ref,
            guest.state,
            guest.reason,
            persistent=guest.stored is not None,
            memory_kib=kib,
            max_memory_kib=kib,
            vcpus=vcpus,
            title=guest.config.title,
        )

    @hookimpl
    def lookup_domain(self, session, *, name=None, uuid=None, id=None):
        with session.lock:
            for ref in [guest.ref for guest in session.guests.values()]:
                if ref.name == name or ref.uuid == uuid or (id is not None and ref.id == id):
                    return ref
        raise NoSuchDomain(f"ACME has no guest {name or uuid or id}")

    @hookimpl
    def domain_state(self, session, domain):
        with session.lock:
            guest = session.guest(domain)
            return StateInfo(guest.state, guest.reason)

    @hookimpl
    def domain_info(self, session, domain):
        with session.lock:
            guest = session.guest(domain)
            kib, vcpus = guest.config.memory_kib, guest.config.vcpu.count
            defined = guest.stored is not None
            return DomainInfo(guest.state, guest.reason, kib, kib, vcpus, None, defined, False, False, "hvm")

    # -- life ---------------------------------------------------------------------------------------------

    @hookimpl
    def start(self, session, domain, *, paused=False):
        with session.lock:
            guest = session.guest(domain, active=False)
            session.started += 1
            guest.live, guest.id, guest.reason = guest.stored.copy(), session.started, "booted"
            session.tell(guest, Lifecycle.STARTED, "booted")
            if paused:
                self._pause(session, guest)
            return guest.ref

    @hookimpl
    def destroy(self, session, domain):
        with session.lock:
            guest = session.guest(domain, active=True)
            session.tell(guest, Lifecycle.STOPPED, "destroyed")
            guest.live, guest.id, guest.paused, guest.reason = None, None, False, "destroyed"
            if guest.stored is None:
                del session.guests[guest.uuid]

    @hookimpl
    def suspend(self, session, domain):
        with session.lock:
            guest = session.guest(domain, active=True)
            if not guest.paused:
                self._pause(session, guest)

    def _pause(self, session, guest):
        guest.paused, guest.reason = True, "user"
        session.tell(guest, Lifecycle.SUSPENDED, "paused")

    @hookimpl
    def resume(self, session, domain):
        with session.lock:
            guest = session.guest(domain, active=True)
            if guest.paused:
                guest.paused, guest.reason = False, "unpaused"
                session.tell(guest, Lifecycle.RESUMED, "unpaused")


driver = AcmeDriver()
