"""The driver's own parts of a domain document: ``lxc:namespace`` of libvirt, and how far a container is confined."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, element, required
from polyvisor.documents import datatypes as dt

NAMESPACE = "http://libvirt.org/schemas/domain/lxc/1.0"
"""The namespace libvirt gave its elements."""

CONFINEMENT = "urn:polyvisor:lxc:1"
"""The namespace of what libvirt's documents cannot say."""


SIGNAL = dt.Datatype(
    "signal", pattern=r"(rt)?[a-z0-9]+", describe="the name of a signal in lower case, such as term, usr1 or rt3"
)


@element("sharenet", namespace=NAMESPACE, prefix="lxc")
class ShareNetwork(Element):
    """Whose network the container uses: a network namespace's by name, a container's or a process's."""

    type: Literal["netns", "name", "pid"] = required(attribute())
    value: str = required(attribute(dt.STRING))


@element("shareipc", namespace=NAMESPACE, prefix="lxc")
class ShareIpc(Element):
    """Whose System V IPC and message queues the container uses: a container's or a process's."""

    type: Literal["name", "pid"] = required(attribute())
    value: str = required(attribute(dt.STRING))


@element("shareuts", namespace=NAMESPACE, prefix="lxc")
class ShareHostname(Element):
    """Whose host name the container has: a container's or a process's."""

    type: Literal["name", "pid"] = required(attribute())
    value: str = required(attribute(dt.STRING))


@element("namespace", namespace=NAMESPACE, prefix="lxc", extends="domain")
class Namespaces(Element):
    """Namespaces that the container shares with another container or a process instead of having its own."""

    sharenet: ShareNetwork | None = child(name="sharenet")
    shareipc: ShareIpc | None = child(name="shareipc")
    shareuts: ShareHostname | None = child(name="shareuts")


@element("confinement", namespace=CONFINEMENT, prefix="container", extends="domain")
class Confinement(Element):
    """What of the default confinement is relaxed; whatever is not named stays in force.

    ``userns``: ids of the container are ids of its own, which nobody on the host has (``<idmap>`` says which).
    ``seccomp``: system calls that only harm are refused. ``nonewprivs``: no program gains privileges by being
    executed. ``masks``: files below /proc and /sys that tell about or change the host are hidden. ``sysro``: what
    remains of /proc/sys and /sys can only be read. ``limits``: a limit that the document names holds; without control
    groups for it the container does not start."""

    userns: bool | None = attribute(dt.BOOL)
    seccomp: bool | None = attribute(dt.BOOL)
    nonewprivs: bool | None = attribute(dt.BOOL)
    masks: bool | None = attribute(dt.BOOL)
    sysro: bool | None = attribute(dt.BOOL)
    limits: bool | None = attribute(dt.BOOL)


@element("signals", namespace=CONFINEMENT, prefix="container", extends="domain")
class Signals(Element):
    """The signals that the container's init takes for a request to stop or to reboot, by name without ``sig``.

    Left out, they follow from which program init is (systemd, busybox, sysvinit, OpenRC, or any other)."""

    halt: str | None = attribute(SIGNAL)
    reboot: str | None = attribute(SIGNAL)


CLASSES: tuple[type[Element], ...] = (Namespaces, Confinement, Signals)
"""What the driver contributes to documents."""
