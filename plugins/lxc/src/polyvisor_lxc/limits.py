"""Limits that a document names and this host cannot hold a container to: refused, unless the document lets them go.

A container that takes more than its document says, with nobody told, is worse than one that does not start.
``<container:confinement limits='no'/>`` says that it may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyvisor.errors import UnsupportedConfiguration
from polyvisor_lxc import confinement, quantities
from polyvisor_lxc.cgroups import Hierarchies

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

_NAMED = {
    "memory": "<memory> and <memtune>",
    "cpu": "<cputune>",
    "cpuset": "the CPUs and NUMA cells",
    "blkio": "<blkiotune>",
}
"""What of a document needs each controller."""

CONTROLLERS = tuple(_NAMED)
"""Those that limits need."""


def unheld(config: Domain, where: Hierarchies) -> dict[str, set[quantities.Setting]]:
    """By controller, what the document asks of it, of those that the host does not have."""
    missing = [name for name in _NAMED if where.version(name) is None]
    if not missing:
        return {}
    everything = (
        Hierarchies({**dict.fromkeys(_NAMED, ""), **where.v1}, where.v2, where.v2_has)
        if where.v1 or where.v2 is None
        else Hierarchies({}, where.v2, where.v2_has | {"memory", "cpu", "cpuset", "io"})
    )
    found: dict[str, set[quantities.Setting]] = {}
    for setting in quantities.of(config, everything, number=lambda path: "0:0"):
        if setting[0] in missing:
            found.setdefault(setting[0], set()).add(setting)
    return found


def require(config: Domain, where: Hierarchies) -> None:
    """Raise UnsupportedConfiguration when a limit of the document would hold nobody, and it does not let that be."""
    if confinement.of(config).limits:
        for name in unheld(config, where):
            raise _refusal(
                name,
                f"{_NAMED[name]} of domain {config.name!r} would hold nobody",
                "; or write <container:confinement limits='no'/> to run the container without",
            )


def require_change(before: Domain, after: Domain, where: Hierarchies) -> None:
    """Raise UnsupportedConfiguration when a running container would not notice how its limits change."""
    former = unheld(before, where)
    for name, settings in unheld(after, where).items():
        if settings != former.get(name):
            raise _refusal(
                name,
                f"{_NAMED[name]} of domain {after.name!r} cannot change while it runs",
                "; or change the stored configuration (affect=config)",
            )


def _refusal(controller: str, what: str, otherwise: str) -> UnsupportedConfiguration:
    return UnsupportedConfiguration(
        f"{what}: the host has no control groups with the {controller} controller",
        driver="lxc",
        hint=f"let the kernel have it (its cgroup_enable=, or the mount of its hierarchy){otherwise}",
    )
