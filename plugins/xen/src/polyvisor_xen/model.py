"""The Xen parts of a domain document: ``xen:commandline``."""

from __future__ import annotations

from polyvisor.documents import Element, attribute, children, element, required
from polyvisor.documents import datatypes as dt

NAMESPACE = "http://libvirt.org/schemas/domain/xen/1.0"
"""The namespace libvirt gave these elements."""


@element("arg", namespace=NAMESPACE, prefix="xen")
class Argument(Element):
    """One argument, as it stands."""

    value: str = required(attribute(dt.STRING))


@element("commandline", namespace=NAMESPACE, prefix="xen", extends="domain")
class CommandLine(Element):
    """Arguments added to the device model's own, unchecked; they taint the guest."""

    arguments: list[Argument] = children("arg")


CLASSES: tuple[type[Element], ...] = (CommandLine,)
"""What the package contributes to documents."""
