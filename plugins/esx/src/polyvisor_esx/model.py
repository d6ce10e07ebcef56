"""The VMware parts of a domain document: where the guest is, in VMware's words."""

from __future__ import annotations

from polyvisor.documents import Element, element, required, text
from polyvisor.documents import datatypes as dt

NAMESPACE = "http://libvirt.org/schemas/domain/vmware/1.0"
"""The namespace libvirt gave these elements."""


@element("datacenterpath", namespace=NAMESPACE, prefix="vmware", extends="domain")
class DatacenterPath(Element):
    """The path of the data centre in vCenter's inventory: ``folder/dc1``; ``ha-datacenter`` on a single host."""

    path: str = required(text(dt.NONEMPTY))


@element("moref", namespace=NAMESPACE, prefix="vmware", extends="domain")
class ManagedObject(Element):
    """The managed object reference of the guest: ``vm-42`` on vCenter, a number on a single host."""

    reference: str = required(text(dt.NONEMPTY))


CLASSES: tuple[type[Element], ...] = (DatacenterPath, ManagedObject)
"""What the package contributes to documents."""
