"""What one connection keeps: guests, each with the configuration it was stored with and the one it runs by."""

import threading
from dataclasses import dataclass
from uuid import UUID

from polyvisor.errors import InvalidState, NoSuchDomain
from polyvisor.model.domain import Domain
from polyvisor.spi import DomainRef, DomainState, Session, lifecycle


@dataclass
class Guest:
    uuid: UUID
    stored: Domain | None  # None: transient, gone when it stops
    live: Domain | None = None  # None: off
    id: int | None = None
    paused: bool = False
    reason: str = "unknown"

    @property
    def config(self):
        return self.live or self.stored

    @property
    def ref(self):
        return DomainRef(self.config.name, self.uuid, self.id)

    @property
    def state(self):
        if self.live is None:
            return DomainState.SHUT_OFF
        return DomainState.PAUSED if self.paused else DomainState.RUNNING


class AcmeSession(Session):
    """Every method of the driver holds ``lock`` from its first look at a guest to its last change of it."""

    def __init__(self, uri, context):
        super().__init__(uri, context)
        self.lock = threading.RLock()
        self.guests = {}
        self.started = 0

    def guest(self, domain, *, active=None):
        """The guest of a ref. Raises NoSuchDomain, and InvalidState unless it is ``active`` or not, as asked."""
        try:
            guest = self.guests[domain.uuid]
        except KeyError:
            raise NoSuchDomain(f"there is no {domain}") from None
        if active is not None and guest.state.active is not active:
            raise InvalidState(f"{guest.ref} is {guest.state}", hint="start it first" if active else "stop it first")
        return guest

    def tell(self, guest, event, detail):
        self.events(lifecycle(guest.ref, event, detail))
