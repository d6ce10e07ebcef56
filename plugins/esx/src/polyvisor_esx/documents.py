"""The documents of all guests of a connection at once, in as many requests as for one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyVmomi import vim

from polyvisor.spi import DomainRef
from polyvisor_esx import configuration, vim_reading
from polyvisor_esx.session import IDENTITY, EsxSession, ref_of, uuid_of

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

PATHS = tuple(dict.fromkeys((*vim_reading.PATHS, *IDENTITY, "runtime.host")))


def every(session: EsxSession) -> Iterator[tuple[DomainRef, Domain]]:
    """Each guest with its document; two requests, however many there are."""
    rows = session.properties(vim.VirtualMachine, PATHS)
    known = {machine: row for machine, row in rows.items() if uuid_of(row) is not None and "config.hardware" in row}
    networks = configuration.networks_of(session, *known.values())
    for machine, row in known.items():
        session.learn(ref_of(machine, row).uuid, machine)
        yield ref_of(machine, row), configuration.made_document(session, machine, row, networks)
