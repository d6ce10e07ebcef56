"""A driver for the ACME hypervisor, which runs two guests at most and forgets them when the connection closes."""

from uuid import NAMESPACE_URL, uuid5

from polyvisor.errors import InvalidState, NoSuchDomain
from polyvisor.spi import DomainRef, DomainRow, DomainState, Lifecycle, Session, StateInfo, hookimpl, lifecycle


class AcmeSession(Session):
    """One connection: the guests by name, each with its id, or None while it is off."""

    def __init__(self, uri, context):
        super().__init__(uri, context)
        self.guests = {"anvil": None, "rocket": None}

    def ref(self, name):
        return DomainRef(name, uuid5(NAMESPACE_URL, f"acme:{name}"), self.guests[name])

    def state(self, name):
        return DomainState.SHUT_OFF if self.guests[name] is None else DomainState.RUNNING


class AcmeDriver:
    name = "acme"
    hooks_version = (1, 0)

    @hookimpl
    def connect(self, uri, context):
        uri.reject_unknown_options()
        return AcmeSession(uri, context)

    @hookimpl
    def list_domains(self, session, *, active=None, columns=()):  # ACME knows nothing that a column could show
        rows = [DomainRow(session.ref(name), session.state(name)) for name in sorted(session.guests)]
        return [row for row in rows if active in (None, row.state.active)]

    @hookimpl
    def lookup_domain(self, session, *, name=None, uuid=None, id=None):
        for ref in map(session.ref, session.guests):
            if ref.name == name or ref.uuid == uuid or (id is not None and ref.id == id):
                return ref
        raise NoSuchDomain(f"ACME has no guest {name or uuid or id}", hint="anvil and rocket are all it has")

    @hookimpl
    def domain_state(self, session, domain):
        return StateInfo(session.state(domain.name))

    @hookimpl
    def start(self, session, domain):
        if session.guests[domain.name] is not None:
            raise InvalidState(f"{domain} is running already")
        session.guests[domain.name] = 1 + max(id or 0 for id in session.guests.values())
        session.events(lifecycle(session.ref(domain.name), Lifecycle.STARTED, "booted"))
        return session.ref(domain.name)


driver = AcmeDriver()
