"""The network filter document: rules for the traffic of guests, and other filters that are part of it.

:func:`.completion.complete` fills in what a document implies, :func:`.completion.check` tells what it contradicts.
"""

from __future__ import annotations

from enum import StrEnum

from polyvisor.documents import Element, attribute, child, children, element, required, value
from polyvisor.documents import datatypes as dt
from polyvisor.model.nwfilter import values
from polyvisor.model.nwfilter.protocols import AnyProtocol, Protocol
from polyvisor.model.nwfilter.values import Hexadecimal, Variable


class FilterAction(StrEnum):
    """What becomes of a packet: ``return`` goes back to the filter that refers to this one."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    RETURN = "return"
    CONTINUE = "continue"


class FilterDirection(StrEnum):
    """Where a packet goes, as the guest sees it."""

    IN = "in"
    OUT = "out"
    INOUT = "inout"


@element("rule")
class FilterRule(Element):
    """A rule; those of least ``priority`` come first. ``statematch``: whether answers to what passed pass as well."""

    action: FilterAction = required(attribute())
    direction: FilterDirection = required(attribute())
    priority: int = attribute(values.PRIORITY, default=500)
    statematch: bool = attribute(values.STATEMATCH, default=True, omit_default=True)
    protocol: AnyProtocol | None = child(doc="What packets it is about; all of them when left out.")


@element("parameter")
class FilterParameter(Element):
    """A value of a variable; a variable that is named again has several."""

    name: str = required(attribute(values.PARAMETER_NAME))
    value: str = required(attribute(values.PARAMETER_VALUE))


@element("filterref")
class FilterReference(Element):
    """Another filter, and values for its variables."""

    filter: str = required(attribute(values.FILTER_NAME))
    parameters: list[FilterParameter] = children("parameter")

    def sort(self) -> None:
        """Bring the variables into order; the values of each stay in theirs."""
        self.parameters.sort(key=lambda parameter: parameter.name)


@element("filter", kind="nwfilter")
class NetworkFilter(Element):
    """A filter: rules and references to filters, which apply in this order where priorities are equal."""

    name: str = required(attribute(values.FILTER_NAME))
    chain: str | None = attribute(values.CHAIN, doc="root when left out.")
    priority: int | None = attribute(values.PRIORITY, doc="That of the chain when left out.")
    uuid: str | None = value(dt.UUID)
    entries: list[FilterRule | FilterReference] = children()

    @property
    def rules(self) -> list[FilterRule]:
        """The rules."""
        return [entry for entry in self.entries if isinstance(entry, FilterRule)]

    @property
    def references(self) -> list[FilterReference]:
        """The filters that are part of this one."""
        return [entry for entry in self.entries if isinstance(entry, FilterReference)]


__all__ = [
    "FilterAction",
    "FilterDirection",
    "FilterParameter",
    "FilterReference",
    "FilterRule",
    "Hexadecimal",
    "NetworkFilter",
    "Protocol",
    "Variable",
]
