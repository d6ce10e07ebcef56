"""The driver's own parts of a domain document: ``qemu:commandline``."""

from __future__ import annotations

from polyvisor.documents import Element, attribute, children, element
from polyvisor.documents import datatypes as dt

NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
"""The namespace libvirt gave these elements."""


@element("arg", namespace=NAMESPACE, prefix="qemu")
class Argument(Element):
    """One argument, as it stands."""

    value: str = attribute(dt.STRING, required=True)


@element("env", namespace=NAMESPACE, prefix="qemu")
class Variable(Element):
    """One environment variable of QEMU's process."""

    name: str = attribute(dt.NAME, required=True)
    value: str | None = attribute(dt.STRING)


@element("commandline", namespace=NAMESPACE, prefix="qemu", extends="domain")
class CommandLine(Element):
    """Arguments and environment variables added to QEMU's own, unchecked; they taint the guest."""

    arguments: list[Argument] = children("arg")
    variables: list[Variable] = children("env")


CLASSES: tuple[type[Element], ...] = (CommandLine,)
"""What the driver contributes to documents."""
