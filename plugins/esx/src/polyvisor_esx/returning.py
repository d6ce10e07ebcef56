"""Guests that were undefined and are defined again: their files are still on the datastore, and are taken up.

Which guest a ``.vmx`` file belongs to, its ``uuid.bios`` says. Snapshots and firmware variables come back with it.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pyVmomi import vim

from polyvisor.errors import PolyvisorError
from polyvisor.spi import DomainRef
from polyvisor_esx import pages
from polyvisor_esx.session import EsxSession, written_name
from polyvisor_esx.vmxfile import parse

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_esx.inventory import Place

log = logging.getLogger(__name__)


def owner(session: EsxSession, spot: Place, path: str) -> UUID | None:
    """The UUID of the guest that a ``.vmx`` file belongs to; None where it cannot be read, or says nothing."""
    datacenter = session.inventory.above(spot, vim.Datacenter)
    where = "/".join(written_name(part) for part in datacenter.path) if datacenter is not None else ""
    try:
        said = parse(pages.file(session, path, where).decode("utf-8", "replace")).text("uuid.bios")
        return UUID(re.sub(r"[^0-9a-fA-F]", "", said or ""))
    except (PolyvisorError, ValueError) as error:
        log.info("whose '%s' is cannot be told: %s", path, error)
        return None


def take_up(session: EsxSession, config: Domain, uuid: UUID, path: str, *, folder: Any, pool: Any, host: Any) -> Any:
    """RegisterVM_Task of the guest's own file, then what the document has otherwise; returns the VirtualMachine.

    When that fails it is forgotten again."""
    from polyvisor_esx import reconfiguring

    task = folder.RegisterVM_Task(
        path=path, name=written_name(config.name or ""), asTemplate=False, pool=pool, host=host
    )
    machine = session.wait(task)
    try:
        session.learn(uuid, machine)
        reconfiguring.change(session, DomainRef(config.name or "", uuid), config, active=False)
    except BaseException:
        machine.UnregisterVM()
        session.forget(DomainRef(config.name or "", uuid))
        raise
    return machine
