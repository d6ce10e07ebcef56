"""Options of pools in namespaces of their own, given on unchecked; whoever runs the storage contributes them."""

from __future__ import annotations

from polyvisor.documents import Element, attribute, children, element
from polyvisor.documents import datatypes as dt

MOUNT_NAMESPACE = "http://libvirt.org/schemas/storagepool/fs/1.0"
RBD_NAMESPACE = "http://libvirt.org/schemas/storagepool/rbd/1.0"


@element("option", namespace=MOUNT_NAMESPACE, prefix="fs")
class MountOption(Element):
    """An option of mount(8), such as ``nodev`` or ``nfsvers=3``."""

    name: str = attribute(dt.NONEMPTY, required=True)


@element("mount_opts", namespace=MOUNT_NAMESPACE, prefix="fs", extends="pool")
class MountOptions(Element):
    """Options with which the filesystem of a pool is mounted."""

    options: list[MountOption] = children("option")


@element("option", namespace=RBD_NAMESPACE, prefix="rbd")
class RbdOption(Element):
    """An option of librados, such as ``client_mount_timeout``."""

    name: str = attribute(dt.NONEMPTY, required=True)
    value: str = attribute(dt.STRING, required=True)


@element("config_opts", namespace=RBD_NAMESPACE, prefix="rbd", extends="pool")
class RbdOptions(Element):
    """Options of the connection to a Ceph cluster."""

    options: list[RbdOption] = children("option")


CONTRIBUTIONS: tuple[type[Element], ...] = (MountOptions, RbdOptions)
"""What to hand to :func:`polyvisor.model.parse` as ``contributions``."""
