"""Reporting what happens to guests."""

from __future__ import annotations

from polyvisor.spi import hookimpl
from polyvisor_test.session import TestSession


class WatchingOperations:
    """The operations of ``polyvisor.operations.watching``."""

    @hookimpl
    def watch_events(self, session: TestSession, enabled: bool) -> None:
        """Nothing to begin or to end: the node is this session's alone, and tells every event as it happens."""
