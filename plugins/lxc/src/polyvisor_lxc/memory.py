"""The memory of containers: how much they may have, and may take from the host. Amounts are KiB."""

from __future__ import annotations

from collections.abc import Mapping

from polyvisor.errors import InvalidArgument, InvalidState
from polyvisor.local import configuration
from polyvisor.operations.memory import MEMORY_LIMITS, UNLIMITED
from polyvisor.operations.records import Parameters
from polyvisor.spi import Affect, DomainRef
from polyvisor_lxc import changes
from polyvisor_lxc.session import LxcSession

LIMITS = ("hard_limit", "soft_limit", "swap_hard_limit")
"""Those of :data:`MEMORY_LIMITS` that control groups have."""


def maximum(session: LxcSession, domain: DomainRef) -> int:
    """The ``<memory>`` of the domain."""
    return configuration.current(session, domain).max_memory_kib


def set_maximum(session: LxcSession, domain: DomainRef, kib: int, affect: Affect) -> None:
    """Set ``<memory>``; not of a running container."""
    from polyvisor.model.domain import Memory
    from polyvisor.model.domain.memory import CurrentMemory

    _positive(kib)
    with changes.changing(session, domain, affect) as change:
        if change.live is not None:
            raise InvalidState(
                f"the maximum memory of {domain} cannot change while it runs",
                target=str(domain),
                driver="lxc",
                hint="change the stored configuration (affect=config)",
            )
        for config in change.documents:
            config.memory = Memory(value=kib, unit="KiB")
            if config.current_memory is not None and config.current_memory.kib > kib:
                config.current_memory = CurrentMemory(value=kib, unit="KiB")


def set_current(session: LxcSession, domain: DomainRef, kib: int, affect: Affect) -> None:
    """Set ``<currentMemory>``, which is the limit of a container without a hard limit."""
    from polyvisor.model.domain.memory import CurrentMemory

    _positive(kib)
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            if kib > config.max_memory_kib:
                raise InvalidArgument(
                    f"{kib} KiB are more than the {config.max_memory_kib} KiB that {domain} may have",
                    target=str(domain),
                    driver="lxc",
                )
            config.current_memory = CurrentMemory(value=kib, unit="KiB")


def _positive(kib: int) -> None:
    if not 0 < kib < UNLIMITED:
        raise InvalidArgument(f"a container cannot have {kib} KiB of memory", driver="lxc")


def limits(session: LxcSession, domain: DomainRef, affect: Affect) -> Parameters:
    """The limits as the document has them."""
    tune = changes.reading(session, domain, affect).memtune
    found = {name: getattr(tune, name) if tune is not None else None for name in LIMITS}
    return Parameters(
        {name: UNLIMITED if value is None else min(value.kib, UNLIMITED) for name, value in found.items()}
    )


def set_limits(session: LxcSession, domain: DomainRef, wanted: Mapping[str, int], affect: Affect) -> None:
    """Change some limits."""
    from polyvisor.model.domain.memory import Kibibytes
    from polyvisor.model.domain.tuning import MemTune

    for name, value in wanted.items():
        if name not in LIMITS:
            known = "control groups have no such limit" if name in MEMORY_LIMITS else "there is no such limit"
            raise InvalidArgument(f"{name}: {known}", driver="lxc", hint=f"known: {', '.join(LIMITS)}")
        if not isinstance(value, int) or value < 0:
            raise InvalidArgument(f"{value!r} KiB are no {name}", driver="lxc", hint=f"no limit is {UNLIMITED}")
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            tune = config.memtune or MemTune()
            for name, value in wanted.items():
                setattr(tune, name, None if value >= UNLIMITED else Kibibytes(value=value, unit="KiB"))
            _consistent(domain, {name: getattr(tune, name) for name in LIMITS})
            config.memtune = tune if any(getattr(tune, name) is not None for name in MEMORY_LIMITS) else None


def _consistent(domain: DomainRef, found: Mapping[str, object]) -> None:
    sizes = {name: getattr(value, "kib", UNLIMITED) for name, value in found.items()}
    if sizes["swap_hard_limit"] < sizes["hard_limit"]:
        raise InvalidArgument(
            f"{domain} cannot have less memory and swap together than memory alone", target=str(domain), driver="lxc"
        )
