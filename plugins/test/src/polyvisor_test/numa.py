"""Which of the host's NUMA cells a guest's memory comes from."""

from __future__ import annotations

from collections.abc import Collection

from polyvisor.errors import InvalidState
from polyvisor.host import format_cpu_list
from polyvisor.operations.numa import NumaMode, NumaParameters
from polyvisor.spi import Affect, DomainRef, hookimpl
from polyvisor_test.cpusets import parse_set
from polyvisor_test.session import TestSession

MOVABLE = (NumaMode.STRICT, NumaMode.RESTRICTIVE)
"""Modes under which a running guest's memory can be moved to other cells."""


class NumaOperations:
    """The operations of ``polyvisor.operations.numa``."""

    @hookimpl
    def numa_parameters(
        self, session: TestSession, domain: DomainRef, *, affect: Affect = Affect.CURRENT
    ) -> NumaParameters:
        with session.machine(domain) as machine:
            tune = machine.reading(affect).numatune
            memory = tune.memory if tune else None
            if memory is None:
                return NumaParameters(NumaMode.STRICT)
            return NumaParameters(NumaMode(memory.mode or NumaMode.STRICT), parse_set(memory.nodeset))

    @hookimpl
    def set_numa_parameters(
        self,
        session: TestSession,
        domain: DomainRef,
        *,
        mode: NumaMode | None = None,
        nodeset: Collection[int] | None = None,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        from polyvisor.model.domain.tuning import NumaMemory, NumaTune

        with session.machine(domain) as machine:
            for cell in nodeset or ():
                session.node.require_cell(cell)
            with machine.changing(affect) as configs:
                for side, config in zip(machine.affected(affect), configs, strict=True):
                    config.numatune = config.numatune or NumaTune()
                    memory = config.numatune.memory or NumaMemory(mode=NumaMode.STRICT.value)
                    was = NumaMode(memory.mode or NumaMode.STRICT)
                    if side == "live" and (mode not in (None, was) or was not in MOVABLE):
                        raise InvalidState(
                            f"the memory of a running guest with NUMA mode {was} cannot be rebound"
                            + ("" if mode in (None, was) else f" to mode {mode}"),
                            target=str(machine.ref),
                        )
                    memory.mode = (mode or was).value
                    if nodeset is not None:
                        memory.nodeset = format_cpu_list(nodeset) or None
                    config.numatune.memory = memory
