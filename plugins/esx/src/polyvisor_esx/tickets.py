"""Tickets for the screen of a guest: VirtualMachine.AcquireTicket.

Who has a ticket sees the screen and types, once and for a short time, without a password. It is therefore shown to
who asked for it and written down nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from polyvisor.errors import HypervisorError, InvalidArgument
from polyvisor.spi import DomainRef, DomainState
from polyvisor_esx.guests import require
from polyvisor_esx.session import EsxSession

KINDS = {"webmks": "wss", "mks": "mks"}
"""VirtualMachine.TicketType -> scheme of its URL: for browsers over WebSockets, and for VMware's own programs."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Where the screen is, and what opens it. Printing it does not show the ticket.

    ``thumbprint`` is the SHA-1 of the certificate of ``host``, which is the host the guest is on; ``file`` is the
    guest's ``.vmx``, which protocol ``mks`` asks for."""

    kind: str
    host: str
    port: int
    thumbprint: str | None
    file: str
    ticket: str = field(repr=False)
    url: str = field(repr=False)


def acquire(session: EsxSession, domain: DomainRef, kind: str = "webmks") -> Ticket:
    """A ticket for the screen of a running guest. Raises InvalidArgument for a kind that this driver does not know."""
    if kind not in KINDS:
        raise InvalidArgument(f"there are no tickets of kind {kind!r}", driver="esx", hint=f"use {' or '.join(KINDS)}")
    machine, _ = require(session, domain, DomainState.RUNNING)
    given = machine.AcquireTicket(ticketType=kind)
    if not given.ticket:
        raise HypervisorError(f"the server gave no ticket for {domain}", target=str(domain), driver="esx")
    return _ticket(session, kind, given)


def _ticket(session: EsxSession, kind: str, given: Any) -> Ticket:
    host, port = given.host or session.address.host, given.port or session.address.port
    return Ticket(
        kind=kind,
        host=host,
        port=port,
        thumbprint=given.sslThumbprint or None,
        file=given.cfgFile,
        ticket=given.ticket,
        url=given.url or f"{KINDS[kind]}://{host}:{port}/ticket/{given.ticket}",
    )
