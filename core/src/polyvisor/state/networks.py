"""The documents of networks on disk, and what the interface of a guest on one of them comes to.

A driver's networks are ``networks/NAME.xml`` in its configuration directory. Those of a host's administrator who has
libvirt are read too, where the guests of the whole host are managed, and never written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from polyvisor.errors import NoSuchNetwork
from polyvisor.state.disk import reported
from polyvisor.state.paths import EVERYBODYS, Paths

if TYPE_CHECKING:
    from polyvisor.model.domain import Interface
    from polyvisor.model.network import Network

LIBVIRTS = "/etc/libvirt/qemu/networks"
"""Where libvirt's network driver keeps its documents; one set for all hypervisors."""

_SUFFIX = ".xml"


class Networks:
    """The networks that guests below ``paths`` may use.

    :param others: directories to look into after the own one; None for libvirt's, if ``paths`` is the whole host's.
    """

    def __init__(self, paths: Paths, others: tuple[str, ...] | None = None) -> None:
        shared = os.fspath(paths.config.parent) == EVERYBODYS
        self.directories = (
            os.fspath(paths.config / "networks"),
            *((LIBVIRTS,) if others is None and shared else others or ()),
        )

    def names(self) -> list[str]:
        """Every network there is a document of, by name. Raises HostError."""
        found: set[str] = set()
        for directory in self.directories:
            with reported("read", directory):
                try:
                    entries = os.listdir(directory)
                except FileNotFoundError:
                    continue
            found |= {name.removesuffix(_SUFFIX) for name in entries if name.endswith(_SUFFIX) and name[0] != "."}
        return sorted(found)

    def get(self, name: str) -> Network:
        """The network of that name: its own document if there is one, else another's; validated and completed.

        Raises NoSuchNetwork, naming those there are, InvalidDocument for a file that holds no network, HostError."""
        for directory in self.directories if name and "/" not in name and name[0] != "." else ():
            path = f"{directory}/{name}{_SUFFIX}"
            with reported("read", path):
                try:
                    with open(path, "rb") as file:
                        return _network(path, name, file.read())
                except FileNotFoundError:
                    continue
        there = ", ".join(self.names()) or "none"
        raise NoSuchNetwork(
            f"there is no network {name!r}",
            target=f"network {name!r}",
            hint=f"networks there are: {there}; write {self.directories[0]}/NAME{_SUFFIX} to have another",
        )

    def attach(
        self,
        interface: Interface,
        *,
        use: Callable[[], Mapping[str, int]] = dict,
        port: str | None = None,
    ) -> Interface:
        """An interface of type network as what it is while its guest runs; any other as it is.

        :param use: counts the running guests on each card; asked where there is a choice. See
            :func:`polyvisor.model.network.attaching.attached`, whose errors this raises besides those of :meth:`get`.
        """
        if interface.type != "network":
            return interface
        from polyvisor.model.domain.devices.interface import NetworkAttachment
        from polyvisor.model.network.attaching import attached

        assert isinstance(interface.source, NetworkAttachment)
        network = self.get(interface.source.network)
        pool = network.forward is not None and bool(network.forward.interfaces) and not network.has_own_bridge
        return attached(interface, network, use=use() if pool else {}, port=port)


def _network(path: str, name: str, text: bytes) -> Network:
    from polyvisor.documents import read
    from polyvisor.documents.owners import Owners
    from polyvisor.errors import InvalidDocument
    from polyvisor.model.network import Network
    from polyvisor.model.network.completion import check, complete

    try:
        network = complete(read(text, Network, contributions=Owners()))
        check(network)
    except InvalidDocument as error:
        raise InvalidDocument(f"{path}: {error.message}", faults=error.faults, hint=error.hint) from error
    if network.name != name:
        raise InvalidDocument(f"{path} is about a network {network.name!r}", hint="name the file as the network")
    return network
