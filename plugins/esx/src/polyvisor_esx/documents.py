"""The documents of all guests of a connection at once, in few requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pyVmomi import vim

from polyvisor.errors import PolyvisorError
from polyvisor.spi import DomainRef
from polyvisor_esx import configuration, vim_reading
from polyvisor_esx.properties import in_parts
from polyvisor_esx.session import IDENTITY, EsxSession, ref_of, uuid_of

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

PATHS = tuple(dict.fromkeys((*vim_reading.PATHS, *IDENTITY, "runtime.host")))


def every(
    session: EsxSession, failed: Callable[[DomainRef, PolyvisorError], None] | None = None
) -> Iterator[tuple[DomainRef, Domain]]:
    """Each guest with its document: two requests, and one for each :data:`polyvisor_esx.properties.PART` of them.

    ``failed`` is told of guests that no document can be made of, which are then left out; without it the first ends
    all with its error."""
    machines = list(session.properties(vim.VirtualMachine, ("name",)))
    networks = {ref._GetMoId(): row["name"] for ref, row in session.properties(vim.Network, ("name",)).items()}
    for machine, row in in_parts(session.content.propertyCollector, vim.VirtualMachine, PATHS, machines):
        if uuid_of(row) is None or "config.hardware" not in row:
            continue  # it is gone, the server is still making it, or cannot read its configuration
        ref = ref_of(machine, row)
        session.learn(ref.uuid, machine)
        try:
            made = configuration.made_document(session, machine, row, networks)
        except PolyvisorError as error:
            if failed is None:
                raise
            failed(ref, error)
            continue
        yield ref, made
