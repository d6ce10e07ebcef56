"""Documents of the test driver's own: what a node file says about a domain's first state; where a block copy goes."""

from __future__ import annotations

from polyvisor.documents import Element, attribute, child, element, text
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import DiskDriver, DiskType
from polyvisor.model.domain.devices.storage import SOURCES, AnySource
from polyvisor.spi import DomainState

NAMESPACE = "http://libvirt.org/schemas/domain/test/1.0"
"""Namespace of the driver's elements in domain documents, that of libvirt's test driver."""

RUN_STATES: dict[int, DomainState] = {
    1: DomainState.RUNNING,
    3: DomainState.PAUSED,
    5: DomainState.SHUT_OFF,
    6: DomainState.CRASHED,
    7: DomainState.PM_SUSPENDED,
}
"""Numbers of ``<test:runstate>``: those of libvirt's API that a guest can rest in."""


@element("runstate", namespace=NAMESPACE, prefix="test", extends="domain")
class RunState(Element):
    """The state in which a domain of a node file begins: 1 running, 3 paused, 5 shut off, 6 crashed, 7 suspended."""

    number: int = text(dt.UINT)


@element("transient", namespace=NAMESPACE, prefix="test", extends="domain")
class TransientDomain(Element):
    """The domain of a node file has no stored configuration: it is gone when it stops."""


@element("hasmanagedsave", namespace=NAMESPACE, prefix="test", extends="domain")
class HasManagedSave(Element):
    """The domain of a node file has been saved; it must be shut off."""


EXTENSIONS: tuple[type[Element], ...] = (RunState, TransientDomain, HasManagedSave)
"""Element classes that domain documents of this driver may hold."""


@element("disk")
class CopyDestination(Element):
    """Where a block copy goes: a disk without a target of its own."""

    type: DiskType = attribute(default=DiskType.FILE)
    driver: DiskDriver | None = child()
    source: AnySource = child(by="type", cases=SOURCES, required=True)
