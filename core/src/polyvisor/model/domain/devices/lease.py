"""Leases a guest must hold to run."""

from __future__ import annotations

from polyvisor.documents import Element, attribute, child, element, required, value
from polyvisor.documents import datatypes as dt


@element("target")
class LeaseTarget(Element):
    """The file that holds a lease, and the offset in it in bytes."""

    path: str = required(attribute(dt.ABSPATH))
    offset: int | None = attribute(dt.UINT64)


@element("lease")
class Lease(Element):
    """A lease the guest must hold to run."""

    lockspace: str = required(value(dt.STRING))
    key: str = required(value(dt.STRING))
    target: LeaseTarget = required(child())
