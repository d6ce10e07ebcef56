"""A driver under test: connections to it, and guests on it."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

import polyvisor
from polyvisor import model
from polyvisor.config import Configuration
from polyvisor.errors import InvalidState, NoSuchDomain, UnsupportedConfiguration, UnsupportedOperation
from polyvisor.operations.catalogue import every
from polyvisor.testing.another import Another
from polyvisor.testing.documents import default_document, fitted
from polyvisor.testing.needs import Need, parse_need
from polyvisor.testing.target import Target
from polyvisor.uri import parse_uri

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain
    from polyvisor.plugins import LoadedDriver, Plugins

UNSUPPORTED = "unsupported: "
"""How the reason of a skip begins when the driver lacks what the test needs; else the target's limits are why."""


class Bench:
    """What a test works with. Made for one test and cleared after it."""

    def __init__(self, target: Target, plugins: Plugins, scratch: Path) -> None:
        self.target = target
        self.plugins = plugins
        self.scratch = scratch
        self.opened: list[Connection] = []
        self.needed: list[str] = []
        self.noted: Callable[[list[str]], None] = lambda needed: None
        self._names = 0
        self._pattern: str | None = None

    # -- connections --------------------------------------------------------------------------------------

    def open(self, uri: str | None = None, **options: Any) -> Connection:
        """Another connection; options are those of :func:`polyvisor.open`. Closed when the test ends."""
        settings = {"configuration": self.target.configuration or Configuration(), "plugins": self.plugins}
        self.opened.append(polyvisor.open(uri or self.target.uri, **{**settings, **options}))
        return self.opened[-1]

    def another(self) -> Another:
        """Another process with a connection of its own; skips the test where it would not see the same guests."""
        ours = self.target.plugins is None and self.target.configuration is None
        self.require(self.target.processes and ours, "processes do not share their guests")
        return Another(self.target.uri)

    @property
    def connection(self) -> Connection:
        """The connection that a test uses unless it opens its own."""
        return self.opened[0] if self.opened else self.open()

    # -- what there is ------------------------------------------------------------------------------------

    @property
    def driver(self) -> LoadedDriver:
        """The driver under test."""
        return self.plugins.driver(parse_uri(self.target.uri).scheme)

    def missing(self, *wanted: str) -> list[Need]:
        """Which of the needs (as in :func:`polyvisor.testing.needs`) the driver does not meet."""
        alternatives = [parse_need(text) for text in wanted]
        return [options[0] for options in alternatives if not any(self._meets(need) for need in options)]

    def has(self, *wanted: str) -> bool:
        """Whether the driver meets all of these needs."""
        return not self.missing(*wanted)

    def excuse(self, refusal: UnsupportedOperation) -> None:
        """Skip the test when it was refused what the driver indeed does not have, by an operation or an option.

        A driver that refuses what it has a method for is not excused."""
        name, option = str(refusal.operation), refusal.details.get("option")
        if name in every() and not self.has(f"{name}({option})" if option else name):
            self.need(f"{name}({option})" if option else name)

    def need(self, *wanted: str) -> None:
        """Skip the test unless the driver meets all of these needs; the report counts the test among theirs."""
        self.needed += wanted
        self.noted(self.needed)
        self._skip_without(*wanted)

    def _skip_without(self, *wanted: str) -> None:
        if lacking := self.missing(*wanted):
            pytest.skip(f"{UNSUPPORTED}{', '.join(map(str, lacking))}")
        for capability in (need.operation.capability for text in wanted for need in parse_need(text)):
            if (why := self.target.lacking.get(capability)) is not None:
                pytest.skip(f"{capability}: {why}")

    def require(self, limit: object, why: str) -> None:
        """Skip the test unless ``limit``, what it needs of the hypervisor, is true. ``why`` says what that is."""
        if not limit:
            pytest.skip(why)

    def _meets(self, need: Need) -> bool:
        if need.operation.name not in self.driver.implements:
            return False
        return set(need.options) <= self.plugins.options_taken(self.driver, need.operation) | {"job"}

    # -- guests -------------------------------------------------------------------------------------------

    def fresh_name(self) -> str:
        """A name that no guest of this test has yet."""
        self._names += 1
        return f"conformance-{self._names}"

    def document(
        self, name: str | None = None, *, uuid: UUID | str | None = None, extra: str = "", devices: str = ""
    ) -> str:
        """The document of a small guest.

        :param name: any text, not escaped; None for a fresh one.
        :param uuid: None for a fresh one.
        :param extra: elements of ``<domain>``; each takes the place of those of the same name.
        :param devices: further devices.
        """
        name = self.fresh_name() if name is None else name
        identity = str(uuid4() if uuid is None else uuid)
        source = self.target.document
        if callable(source):
            pattern = source(name, identity)
        else:
            if self._pattern is None:
                self._pattern = source or default_document(self.connection)
            pattern = self._pattern
        return fitted(pattern, name, identity, extra=extra, devices=devices)

    def read(self, text: str) -> Any:
        """A domain document as a model object, whatever the driver brings to documents."""
        brought = self.plugins.contribute(self.driver, "document_classes")
        return model.parse("domain", text, contributions=[each for group in brought for each in group])

    def define(self, name: str | None = None, *, extra: str = "", devices: str = "", **more: Any) -> Domain:
        """A guest that is off; arguments are those of :meth:`document`.

        Skips the test when the hypervisor cannot have what the test asks for beyond the target's own document."""
        self._skip_without("domain.define", "domain.undefine")
        text = self.document(name, extra=extra, devices=devices, **more)
        try:
            return self.connection.define(text)
        except UnsupportedConfiguration as refusal:
            if extra or devices:
                pytest.skip(f"the hypervisor cannot have {extra}{devices}: {refusal.message}")
            raise

    def start(self, domain: Domain, **options: Any) -> Domain:
        """Start a guest; skips the test when the driver cannot."""
        self._skip_without("domain.start", "domain.destroy")
        return domain.start(**options)

    def wait_until_up(self, domain: Domain) -> None:
        """Wait until the system inside a guest that was just started is up."""
        if not self.target.banner:
            return
        self._skip_without("open_console(replay)")
        said = b""
        deadline = time.monotonic() + self.target.boot_seconds
        with domain.open_console(replay=65536) as console:
            while self.target.banner not in said:
                left = deadline - time.monotonic()
                assert left > 0 and select.select([console], [], [], left)[0], f"the guest said only {said!r}"
                said += console.read()

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for a condition, at most :attr:`Target.patience` seconds; ``what`` is for the failure's message."""
        deadline = time.monotonic() + self.target.patience
        pause = 0.001
        while not holds():
            assert time.monotonic() < deadline, f"{what} did not happen within {self.target.patience} s"
            time.sleep(pause)
            pause = min(2 * pause, 0.1)

    # -- the end ------------------------------------------------------------------------------------------

    def present(self) -> set[UUID]:
        """UUIDs of the guests that are there."""
        if not self.has("domain.list"):
            return set()
        return {row.ref.uuid for row in self.connection.list_domains()}

    def clear(self, before: set[UUID]) -> None:
        """Close every connection; destroy and forget each guest that was not there ``before``."""
        try:
            for connection in self.opened[1:]:
                connection.close()
            if self.opened:
                with self.opened[0] if not self.opened[0].closed else self.open() as connection:
                    self._remove_others(connection, before)
        finally:
            for connection in self.opened:
                connection.close()

    def _remove_others(self, connection: Connection, before: set[UUID]) -> None:
        from polyvisor.objects.domain import Domain

        for row in connection.list_domains() if self.has("domain.list") else ():
            if row.ref.uuid not in before:
                self.remove(Domain(connection, row.ref), active=row.state.active)

    def remove(self, domain: Domain, *, active: bool) -> None:
        """Destroy a guest and forget it, with all that hangs on it."""
        if active and self.has("domain.destroy"):
            try:
                domain.destroy()
            except InvalidState:
                assert not (self.has("domain.state") and domain.is_active)  # it was asked to end, and has by now
        if self.has("domain.undefine"):
            options = [option for option in FORGET if self.has(f"undefine({option})")]
            try:
                domain.undefine(**dict.fromkeys(options, True))
            except NoSuchDomain:
                pass  # it was transient and went with its end


FORGET = ("managed_save", "snapshots_metadata", "checkpoints_metadata", "nvram", "tpm")
"""Options of ``undefine`` that remove what may hang on a guest."""
