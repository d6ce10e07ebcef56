"""Telling that a server is out of reach before somebody asks it for something.

While somebody wants to know, the server's clock is asked for every few seconds. A connection that cannot be mended,
by another connection or by a new login, is told once; when the server answers again, the next loss is told again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from polyvisor.errors import PolyvisorError

if TYPE_CHECKING:
    from polyvisor_esx.session import EsxSession

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two looks."""


class Closing:
    """Watches one session until ``stop``."""

    def __init__(self, session: EsxSession, callback: Callable[[str], None]) -> None:
        self._session = session
        self._callback = callback
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="polyvisor-esx-closing", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer. A look that is under way ends by itself, and tells nothing."""
        self._ended.set()

    def _run(self) -> None:
        told = False
        while not self._ended.wait(EVERY):
            try:
                self._session.service_time()
            except PolyvisorError as error:
                if not told and not self._ended.is_set():
                    self._tell(error.message)
                told = True
            else:
                told = False

    def _tell(self, reason: str) -> None:
        try:
            self._callback(reason)
        except Exception:
            log.exception("what was to hear that %s is out of reach failed", self._session.address.host)


def watch(session: EsxSession, callback: Callable[[str], None] | None) -> None:
    """Have ``callback`` told, in place of whoever was told before; nobody for None."""
    if session.closing is not None:
        session.closing.stop()
    session.closing = None if callback is None else Closing(session, callback)
