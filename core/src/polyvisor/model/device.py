"""A device on its own, for attaching, detaching and changing: any element that ``<devices>`` may hold."""

from __future__ import annotations

from polyvisor.documents import Element
from polyvisor.model.domain.devices import Devices


def classes() -> tuple[type[Element], ...]:
    """The class of every kind of device."""
    return tuple(
        cls for field in Devices.fields() if field.is_element for target in field.targets for cls in target.classes[:1]
    )
