"""Who this host is: its name, its UUID, its architecture."""

from __future__ import annotations

import os
from uuid import UUID

from polyvisor.host.tree import Tree

_SOURCES = ("/sys/class/dmi/id/product_uuid", "/etc/machine-id")
_MEANINGLESS = {UUID(int=0), UUID(int=2**128 - 1)}


def host_uuid(tree: Tree) -> UUID | None:
    """The UUID of the machine by its firmware (which only root may read) or else by its operating system.

    Firmware of clone boards gives every machine the same digits; such a UUID is passed over."""
    for path in _SOURCES:
        try:
            found = UUID(tree.text(path) or "")
        except ValueError:
            continue
        if found not in _MEANINGLESS and len(set(found.hex)) > 1:
            return found
    return None


def host_name() -> str:
    """The host's name, fully qualified if the resolver knows that."""
    import socket

    name = socket.gethostname()
    if "." in name or name.startswith("localhost"):
        return name
    try:
        found = socket.getaddrinfo(name, None, flags=socket.AI_CANONNAME)
    except OSError:
        return name
    canonical = next((entry[3] for entry in found if entry[3]), "")
    return canonical if canonical.startswith(name + ".") else name


def host_arch() -> str:
    """The architecture by the documents' name: ``x86_64``, ``aarch64``, ``ppc64le``, ``armv7l``, ..."""
    return os.uname().machine
