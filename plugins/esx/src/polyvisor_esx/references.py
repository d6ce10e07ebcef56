"""Devices that name a volume of a pool or a network, as VMware has them: a file on a datastore, a port group.

VMware knows neither by such a name, so documents of guests that were defined say the file and the port group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyvisor.documents import Element
from polyvisor.errors import InvalidArgument, InvalidState, NotFound, UnsupportedConfiguration
from polyvisor.model.domain import Disk, DiskType, Domain, Interface
from polyvisor.model.domain.devices.interface import BridgeAttachment, InterfaceType, NetworkAttachment
from polyvisor.model.domain.devices.storage import FileSource, VolumeSource

if TYPE_CHECKING:
    from polyvisor.model.network import Network
    from polyvisor_esx.session import EsxSession


def resolve(session: EsxSession, config: Domain) -> None:
    """Say, in place, which files and port groups the disks and cards of a guest are about.

    Asks the server only where a document names a pool or a network. Raises
    UnsupportedConfiguration for what is not there."""
    for device in (*config.devices.disks, *config.devices.interfaces) if config.devices else ():
        _resolve(session, device)


def resolved(session: EsxSession, device: Element) -> Element:
    """The same for one device, which stays as it is."""
    made = device.copy()
    _resolve(session, made)
    return made


def _resolve(session: EsxSession, device: Element) -> None:
    if isinstance(device, Disk) and isinstance(device.source, VolumeSource):
        source = device.source
        device.type, device.source = (
            DiskType.FILE,
            FileSource(file=_file(session, source), startup_policy=source.startup_policy),
        )
    elif isinstance(device, Interface) and isinstance(device.source, NetworkAttachment):
        group = _group(session, device.source)
        device.type, device.source = InterfaceType.BRIDGE, BridgeAttachment(bridge=group)


def _file(session: EsxSession, source: VolumeSource) -> str:
    from polyvisor_esx import pools, volumes
    from polyvisor_esx.datastores import DatastorePath

    if not source.pool or not source.volume or source.mode is not None:
        raise UnsupportedConfiguration("a disk of VMware's names a pool and a volume of it, and no mode", driver="esx")
    try:
        return str(DatastorePath(pools.find(session, name=source.pool).name, volumes.checked(source.volume)))
    except (InvalidArgument, InvalidState, NotFound) as error:
        raise UnsupportedConfiguration(error.message, driver="esx", hint=error.hint) from None


def _group(session: EsxSession, source: NetworkAttachment) -> str:
    """The port group: the one that is named, else the only one of the network."""
    network = _network(session, source.network)
    groups = [group.name for group in network.portgroups]
    if source.portgroup is None and len(groups) == 1:
        return groups[0]
    if source.portgroup not in groups:
        said = f"no port group {source.portgroup!r}" if source.portgroup else f"{len(groups)} port groups"
        raise UnsupportedConfiguration(
            f"network '{source.network}' has {said}",
            driver="esx",
            hint=f"write <source network='{source.network}' portgroup='...'/>: {', '.join(groups) or 'it has none'}",
        )
    return source.portgroup


def _network(session: EsxSession, name: str) -> Network:
    from polyvisor_esx import distributed, networks

    standard = networks.switches(session)
    for switch in standard:
        if name in (switch.name, switch.data.name):
            return networks.document(switch)
    others = distributed.switches(session)
    for other in others:
        if other.name == name:
            return distributed.document(other)
    known = [each.name for each in standard] + [each.name for each in others]
    raise UnsupportedConfiguration(
        f"there is no network '{name}'", driver="esx", hint=f"networks: {', '.join(known) or 'none'}"
    )
