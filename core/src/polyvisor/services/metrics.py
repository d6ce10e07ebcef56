"""Counts and times of operations, for each connection."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass
class Account:
    """What one operation has cost so far: calls, calls that failed, and seconds in all."""

    calls: int = 0
    errors: int = 0
    seconds: float = 0.0


class Metrics:
    """Accounts by operation name. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[str, Account] = {}

    def add(self, name: str, seconds: float, failed: bool) -> None:
        """Book one call."""
        with self._lock:
            account = self._accounts.setdefault(name, Account())
            account.calls += 1
            account.errors += failed
            account.seconds += seconds

    def snapshot(self) -> dict[str, Account]:
        """A copy of the accounts."""
        with self._lock:
            return {name: Account(a.calls, a.errors, a.seconds) for name, a in self._accounts.items()}
