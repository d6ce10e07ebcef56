"""Pictures of what guests show.

A host has the page ``/screen?id=MOREF`` for those who give their name and password with the request. Where there is
none, or it does not know us (without TLS no password is sent), CreateScreenshot_Task leaves a file beside the guest's
own, which is fetched and deleted.
"""

from __future__ import annotations

import logging
from typing import Any

from polyvisor.errors import AccessDenied, ConnectFailed, HypervisorError, NotFound, PolyvisorError
from polyvisor.operations.saving import Screenshot
from polyvisor.spi import DomainRef, DomainState
from polyvisor_esx import pages
from polyvisor_esx.guests import require
from polyvisor_esx.session import EsxSession, written_name

log = logging.getLogger(__name__)

KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"BM": "image/bmp"}
"""How a picture begins -> its media type."""


def take(session: EsxSession, domain: DomainRef) -> Screenshot:
    """A picture of a running guest. A suspended one shows nothing: its screen went to disk with its memory."""
    machine, _ = require(session, domain, DomainState.RUNNING)
    try:
        data = pages.get(session, "/screen", {"id": machine._GetMoId()}, password=True)
    except (AccessDenied, ConnectFailed, NotFound) as refusal:
        log.debug("the server has no picture to give away: %s", refusal)
        data = _from_datastore(session, machine)
    kind = next((kind for magic, kind in KINDS.items() if data.startswith(magic)), None)
    if kind is None:
        raise HypervisorError(f"the server's picture of {domain} is none", target=str(domain), driver="esx")
    return Screenshot(kind, data)


def _from_datastore(session: EsxSession, machine: Any) -> bytes:
    """Have the server make a file, and fetch it."""
    name = str(session.wait(machine.CreateScreenshot_Task()))
    datacenter = _datacenter(session, machine)
    try:
        return pages.file(session, name, "/".join(written_name(part) for part in datacenter.path))
    finally:
        try:
            session.wait(
                session.content.fileManager.DeleteDatastoreFile_Task(name=name, datacenter=datacenter.reference)
            )
        except PolyvisorError as error:
            log.warning("the picture %s could not be deleted: %s", name, error)


def _datacenter(session: EsxSession, machine: Any) -> Any:
    from pyVmomi import vim

    row = session.properties(vim.VirtualMachine, ("runtime.host",), [machine])[machine]
    place = session.inventory.above(session.inventory.places[row["runtime.host"]], vim.Datacenter)
    assert place is not None
    return place
