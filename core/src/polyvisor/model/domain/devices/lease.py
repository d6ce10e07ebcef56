"""Leases a guest must hold to run."""

from __future__ import annotations

from polyvisor.documents import Element, attribute, child, element, value
from polyvisor.documents import datatypes as dt


@element("target")
class LeaseTarget(Element):
    """The file that holds a lease, and the offset in it in bytes."""

    path: str = attribute(dt.ABSPATH, required=True)
    offset: int | None = attribute(dt.UINT64)


@element("lease")
class Lease(Element):
    """A lease the guest must hold to run."""

    lockspace: str = value(dt.STRING, required=True)
    key: str = value(dt.STRING, required=True)
    target: LeaseTarget = child(required=True)
