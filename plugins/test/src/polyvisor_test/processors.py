"""What a configuration says of vCPUs and IOThreads, in the ways that documents may say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.tuning import Iothread, Vcpu


def vcpu_of(config: Domain) -> Vcpu:
    """The ``<vcpu>`` of a configuration, which gets one vCPU if it says nothing."""
    if config.vcpu is None:
        from polyvisor.model.domain.tuning import Vcpu

        config.vcpu = Vcpu(count=1)
    return config.vcpu


def plugged(config: Domain) -> frozenset[int]:
    """Numbers of the vCPUs that are plugged in."""
    if config.vcpus is not None:
        return frozenset(vcpu.id for vcpu in config.vcpus.vcpus if vcpu.enabled)
    return frozenset(range(config.vcpu_count))


def iothreads(config: Domain) -> list[Iothread]:
    """The IOThreads, by number; those that ``<iothreads>`` only counts are numbered from 1."""
    from polyvisor.model.domain.tuning import Iothread

    named = list(config.iothreadids.iothreads) if config.iothreadids else []
    missing = (config.iothreads or 0) - len(named)
    taken = {thread.id for thread in named}
    free = (number for number in range(1, missing + len(named) + 1) if number not in taken)
    return sorted([*named, *(Iothread(id=next(free)) for _ in range(missing))], key=lambda thread: thread.id)
