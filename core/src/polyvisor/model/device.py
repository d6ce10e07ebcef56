"""A device on its own, for attaching, detaching and changing: any element that ``<devices>`` may hold."""

from __future__ import annotations

from polyvisor.documents import Element
from polyvisor.documents.binding import family_of
from polyvisor.model.domain.devices import Devices


def classes() -> tuple[type[Element], ...]:
    """The class of every kind of device, in the order of ``<devices>``."""
    found = (target.classes[0] for field in Devices.fields() for target in field.targets)
    return tuple(family_of(cls) or cls for cls in found)


def complete(device: Element) -> Element:
    """Fill in, in place, what the device implies wherever it is plugged in; returns it. See ``complete_device``."""
    from polyvisor.model.domain.completion import complete_device

    return complete_device(device)


def check(device: Element) -> None:
    """Raise InvalidDocument, with a fault for each contradiction within the device."""
    from polyvisor.model.domain.consistency import check_device

    check_device(device)
