"""What storage adds to the documents of pools: options of mount(8) and of librados, given on unchecked."""

from __future__ import annotations

from polyvisor.documents import Element, attribute, children, element, required
from polyvisor.documents import datatypes as dt

MOUNT_NAMESPACE = "http://libvirt.org/schemas/storagepool/fs/1.0"
RBD_NAMESPACE = "http://libvirt.org/schemas/storagepool/rbd/1.0"


@element("option", namespace=MOUNT_NAMESPACE, prefix="fs")
class MountOption(Element):
    """An option of mount(8), such as ``nodev`` or ``nfsvers=3``."""

    name: str = required(attribute(dt.NONEMPTY))


@element("mount_opts", namespace=MOUNT_NAMESPACE, prefix="fs", extends="pool")
class MountOptions(Element):
    """Options with which the filesystem of a pool is mounted."""

    options: list[MountOption] = children("option")

    def contradiction(self, within: Element) -> str | None:
        kind = getattr(within, "type", None)
        if kind in ("fs", "netfs"):
            return None
        return f"a pool of type {kind} is not mounted, so it has no mount options"


@element("option", namespace=RBD_NAMESPACE, prefix="rbd")
class RbdOption(Element):
    """An option of librados, such as ``client_mount_timeout``."""

    name: str = required(attribute(dt.NONEMPTY))
    value: str = required(attribute(dt.STRING))


@element("config_opts", namespace=RBD_NAMESPACE, prefix="rbd", extends="pool")
class RbdOptions(Element):
    """Options of the connection to a Ceph cluster."""

    options: list[RbdOption] = children("option")

    def contradiction(self, within: Element) -> str | None:
        kind = getattr(within, "type", None)
        return None if kind == "rbd" else f"options of librados are for pools of type rbd, not {kind}"


CLASSES: tuple[type[Element], ...] = (MountOptions, RbdOptions)
"""What the package contributes to documents."""
