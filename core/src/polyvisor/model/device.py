"""A device on its own, for attaching, detaching and changing: any element that ``<devices>`` may hold."""

from __future__ import annotations

from polyvisor.documents import Element
from polyvisor.documents.binding import family_of
from polyvisor.model.domain.devices import Devices


def classes() -> tuple[type[Element], ...]:
    """The class of every kind of device, in the order of ``<devices>``."""
    found = (target.classes[0] for field in Devices.fields() for target in field.targets)
    return tuple(family_of(cls) or cls for cls in found)
