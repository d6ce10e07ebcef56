"""The bhyve parts of a domain document: ``bhyve:commandline``."""

from __future__ import annotations

from polyvisor.documents import Element, attribute, children, element, required
from polyvisor.documents import datatypes as dt

NAMESPACE = "http://libvirt.org/schemas/domain/bhyve/1.0"
"""The namespace libvirt gave these elements."""


@element("arg", namespace=NAMESPACE, prefix="bhyve")
class Argument(Element):
    """One argument, as it stands."""

    value: str = required(attribute(dt.STRING))


@element("commandline", namespace=NAMESPACE, prefix="bhyve", extends="domain")
class CommandLine(Element):
    """Arguments added to bhyve(8)'s own, unchecked; they taint the guest."""

    arguments: list[Argument] = children("arg")


CLASSES: tuple[type[Element], ...] = (CommandLine,)
"""What the package contributes to documents."""
