"""Long work, seen from the driver: report progress, notice cancellation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: ``done`` of ``total`` in ``unit``; ``total`` is 0 while unknown."""

    done: int = 0
    total: int = 0
    unit: str = "bytes"
    phase: str = ""

    @property
    def fraction(self) -> float | None:
        """0.0 to 1.0, or None while the total is unknown."""
        return min(1.0, self.done / self.total) if self.total else None


class JobControl(Protocol):
    """Handed as ``job`` to the implementation of every operation that has the option."""

    def progress(self, done: int, total: int = 0, *, unit: str = "bytes", phase: str = "") -> None:
        """Tell how far the work is. Cheap; call it as often as there is news."""

    @property
    def cancelled(self) -> bool:
        """True once somebody asked the job to stop."""

    def check(self) -> None:
        """Raise OperationCancelled if somebody asked the job to stop."""

    def wait(self, seconds: float) -> bool:
        """Sleep until cancelled, at most ``seconds``; returns whether it was."""
