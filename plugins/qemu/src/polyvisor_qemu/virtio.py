"""What all virtio devices have in common."""

from __future__ import annotations

from typing import Any

_SUFFIXES = {
    None: "",
    "virtio": "",
    "virtio-transitional": "-transitional",
    "virtio-non-transitional": "-non-transitional",
}

_OPTIONS = {"iommu": "iommu_platform", "ats": "ats", "packed": "packed", "page_per_vq": "page-per-vq"}
"""QEMU's property for each option of a virtio device's ``<driver>``."""

DRIVER_FIELDS = tuple(_OPTIONS)


def model_suffix(model: str | None) -> str:
    """What a model adds to the name of QEMU's device: ``-transitional`` and so on."""
    return _SUFFIXES[model]


def is_virtio(model: str | None) -> bool:
    """Whether the model is one of virtio's."""
    return model in _SUFFIXES


def driver_options(driver: Any) -> dict[str, Any]:
    """Device properties for the common options of ``<driver>``; those not set are None."""
    if driver is None:
        return {}
    return {name: getattr(driver, field) for field, name in _OPTIONS.items()}
