"""From which NUMA cells of the host containers have their memory.

Memory is bound strictly by the ``cpuset`` control group, which can change; other modes are a policy that init inherits
from what starts it (set_mempolicy(2)), and that only it could change."""

from __future__ import annotations

from collections.abc import Collection

from polyvisor.errors import InvalidArgument, InvalidState
from polyvisor.host import format_cpu_list, parse_cpu_list
from polyvisor.operations.numa import NumaMode, NumaParameters
from polyvisor.spi import Affect, DomainRef
from polyvisor_lxc import changes, quantities
from polyvisor_lxc.session import LxcSession

_MOVABLE = (NumaMode.STRICT, NumaMode.RESTRICTIVE)


def parameters(session: LxcSession, domain: DomainRef, affect: Affect) -> NumaParameters:
    """The binding of the document."""
    tune = changes.reading(session, domain, affect).numatune
    memory = tune.memory if tune is not None else None
    if memory is None:
        return NumaParameters(NumaMode.STRICT)
    nodes = frozenset(parse_cpu_list(memory.nodeset)) if memory.nodeset else frozenset()
    return NumaParameters(NumaMode(memory.mode or "strict"), nodes)


def set_parameters(
    session: LxcSession, domain: DomainRef, mode: NumaMode | None, nodeset: Collection[int] | None, affect: Affect
) -> None:
    """Change the binding."""
    from polyvisor.model.domain.tuning import NumaMemory, NumaTune

    if mode is not None and mode not in list(NumaMode):
        raise InvalidArgument(f"there is no NUMA mode {mode!r}", driver="lxc")
    unknown = frozenset(nodeset or ()) - frozenset(quantities.host_cells())
    if unknown:
        raise InvalidArgument(f"the host has no NUMA cell {min(unknown)}", driver="lxc")
    with changes.changing(session, domain, affect) as change:
        if change.live is not None and mode is not None and mode != _mode(change.live.numatune):
            raise InvalidState(
                f"the NUMA mode of {domain} cannot change while it runs", target=str(domain), driver="lxc"
            )
        if change.live is not None and nodeset is not None and _mode(change.live.numatune) not in _MOVABLE:
            raise InvalidState(
                f"the memory of {domain} is not bound strictly, and cannot move while it runs",
                target=str(domain),
                driver="lxc",
            )
        for config in change.documents:
            tune = config.numatune or NumaTune()
            tune.memory = tune.memory or NumaMemory(mode="strict", placement="static")
            if mode is not None:
                tune.memory.mode = str(NumaMode(mode).value)  # type: ignore[assignment]
            if nodeset is not None:
                tune.memory.nodeset = format_cpu_list(nodeset) if nodeset else None
            config.numatune = tune if tune.memory.nodeset or mode is not None else None


def _mode(tune: object) -> str:
    memory = getattr(tune, "memory", None)
    return str(getattr(memory, "mode", None) or "strict")
