"""The driver's own parts of a domain document: ``qemu:commandline`` and what else bends QEMU's own command line."""

from __future__ import annotations

from enum import StrEnum

from polyvisor.documents import Element, attribute, child, children, element, required
from polyvisor.documents import datatypes as dt

NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
"""The namespace libvirt gave these elements."""


@element("arg", namespace=NAMESPACE, prefix="qemu")
class Argument(Element):
    """One argument, as it stands."""

    value: str = required(attribute(dt.STRING))


@element("env", namespace=NAMESPACE, prefix="qemu")
class Variable(Element):
    """One environment variable of QEMU's process."""

    name: str = required(attribute(dt.NAME))
    value: str | None = attribute(dt.STRING)


@element("commandline", namespace=NAMESPACE, prefix="qemu", extends="domain")
class CommandLine(Element):
    """Arguments and environment variables added to QEMU's own, unchecked; they taint the guest."""

    arguments: list[Argument] = children("arg")
    variables: list[Variable] = children("env")


@element("add", namespace=NAMESPACE, prefix="qemu")
class AddedCapability(Element):
    """A feature that QEMU is taken to have, whatever it says itself."""

    capability: str = required(attribute(dt.NAME))


@element("del", namespace=NAMESPACE, prefix="qemu")
class RemovedCapability(Element):
    """A feature that QEMU is taken not to have."""

    capability: str = required(attribute(dt.NAME))


@element("capabilities", namespace=NAMESPACE, prefix="qemu", extends="domain")
class CapabilityChanges(Element):
    """Corrections to what QEMU was found to be capable of."""

    added: list[AddedCapability] = children("add")
    removed: list[RemovedCapability] = children("del")


class PropertyType(StrEnum):
    """What an overriding property is to QEMU; ``remove`` leaves the property out."""

    STRING = "string"
    SIGNED = "signed"
    UNSIGNED = "unsigned"
    BOOL = "bool"
    REMOVE = "remove"


@element("property", namespace=NAMESPACE, prefix="qemu")
class Property(Element):
    """A property of a device, as QEMU names it, and the value to give it instead."""

    name: str = required(attribute(dt.NONEMPTY))
    type: PropertyType = required(attribute())
    value: str | None = attribute(dt.STRING, when={"type": ("string", "signed", "unsigned", "bool")}, required=True)


@element("frontend", namespace=NAMESPACE, prefix="qemu")
class Frontend(Element):
    """Properties of the device as the guest sees it."""

    properties: list[Property] = children("property", min=1)


@element("device", namespace=NAMESPACE, prefix="qemu")
class OverriddenDevice(Element):
    """A device by its alias: one of a user's own (``ua-...``), for all others may change."""

    alias: str = required(attribute(dt.NAME))
    frontend: Frontend = required(child())


@element("override", namespace=NAMESPACE, prefix="qemu", extends="domain")
class Override(Element):
    """Properties that QEMU's devices get instead of, or beside, those we give them; they taint the guest."""

    devices: list[OverriddenDevice] = children("device", min=1)


class DeprecationBehavior(StrEnum):
    """What QEMU does about deprecated commands and fields: ``-compat`` of qemu(1)."""

    NONE = "none"
    OMIT = "omit"
    REJECT = "reject"
    CRASH = "crash"


@element("deprecation", namespace=NAMESPACE, prefix="qemu", extends="domain")
class Deprecation(Element):
    """How QEMU takes what it is to lose one day; for those who test the driver."""

    behavior: DeprecationBehavior = required(attribute())


CLASSES: tuple[type[Element], ...] = (CommandLine, CapabilityChanges, Override, Deprecation)
"""What the driver contributes to documents."""
