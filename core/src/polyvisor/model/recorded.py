"""What a snapshot and a checkpoint both say: the one before, and the domain as it was."""

from __future__ import annotations

from typing import Self

from polyvisor.documents import Element, attribute, element, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import Domain, DomainType
from polyvisor.model.domaintype import DOMAIN_TYPE

MOMENT = dt.INT64
"""Seconds since 1970."""

DISK_NAME = dt.Datatype(
    "disk",
    pattern="(ioemu:)?(fd|hd|sd|vd|xvd|ubd|nvme)[a-zA-Z0-9_]+|/[^\n]+",
    describe="a disk's target such as vda, or the path of its source",
)


@element("parent")
class Parent(Element):
    """The one that this one was taken on top of."""

    name: str = required(value(dt.STRING))


@element("domain", by="type")
class RecordedDomain(Element):
    """The domain when it was taken: the whole document, or its UUID alone."""

    type: DomainType | str | None = attribute(DOMAIN_TYPE)


@variant(None)
class DomainIdentity(RecordedDomain):
    """The domain by its UUID."""

    uuid: str = required(value(dt.UUID))


@variant(*DomainType)
class DomainRecord(RecordedDomain, Domain):
    """The whole document of the domain."""

    type: DomainType | str = required(attribute(DOMAIN_TYPE))

    @classmethod
    def of(cls, domain: Domain) -> Self:
        """A deep copy of ``domain`` as a record."""
        twin = domain.copy()
        made = cls.__new__(cls)
        made.__dict__ = twin.__dict__
        return made
