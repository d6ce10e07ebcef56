"""What a simulated host cannot run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyvisor.errors import UnsupportedConfiguration
from polyvisor_test.host import MAX_VCPUS

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

TYPES = ("hvm", "xen", "linux", "exe")
"""Kinds of guest system that the host pretends to run."""


def require_runnable(config: Domain) -> None:
    """Raise UnsupportedConfiguration for a domain that is not for this driver."""
    if config.type != "test":
        raise UnsupportedConfiguration(
            f"the test driver runs domains of type 'test', not '{config.type}'",
            target=f"domain {config.name!r}",
            hint="write <domain type='test'>",
        )
    if config.os.type.value not in TYPES:
        raise UnsupportedConfiguration(f"the test driver runs no {config.os.type.value!r} guests")
    if config.max_vcpu_count > MAX_VCPUS:
        raise UnsupportedConfiguration(
            f"{config.max_vcpu_count} vCPUs are more than the {MAX_VCPUS} that the test driver gives a guest"
        )
