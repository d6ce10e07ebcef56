"""Starting domains when the host comes up and stopping them before it goes: what a service manager calls."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from polyvisor.cli import failure
from polyvisor.cli.command import command
from polyvisor.cli.parameters import data, flag
from polyvisor.errors import PolyvisorError

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain
    from polyvisor.operations.startplace import StartPlace

LOOK_AGAIN = 0.2
"""Seconds between looks at who still runs. A guest takes seconds to go, and one look is one operation."""

uris = data(
    "uri",
    rest=True,
    required=False,
    help="Connections: URIs or aliases of them. Without one, every hypervisor that an installed driver finds here.",
)


class Tally:
    """What became of each domain: told line by line to people, in one answer to programs."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.done: list[dict[str, Any]] = []
        self.failed: list[dict[str, Any]] = []

    def good(self, found: Domain, what: str) -> None:
        """``found`` is as it should be."""
        self.done.append({"uri": str(found.connection.uri), "name": found.name, "uuid": found.uuid})
        if not self.shell.json:
            self.shell.print(f"Domain '{found.name}' {what}")

    def bad(self, error: PolyvisorError, **subject: Any) -> None:
        """Something is not as it should be; the others are seen to all the same."""
        self.failed.append({**subject, **error.as_dict()})
        name = subject.get("name") or subject.get("uri")
        click.echo(f"{name}: {error.message}" + (f" ({error.hint})" if error.hint else ""), err=True)

    def end(self, verb: str) -> int:
        """Answer, and return the exit status."""
        if self.shell.json:
            self.shell.data({verb: self.done, "failed": self.failed}, "")
        return failure.Status.FAILED if self.failed else failure.Status.OK


@command("guests-start")
@uris
@click.option(
    "--delay",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Wait between two starts, where a domain does not say how long; default 0.",
)
def guests_start(shell: Shell, uri: tuple[str, ...], delay: float) -> int:
    """Domains that run already are left alone, so that it may be called again. They start one after the other, by
    the order that `autostart --order` gave them and then by name, with the delays that it gave them; one that fails
    does not keep the others back. Marks of `autostart --once` are used up.
    """
    tally = Tally(shell)
    with ExitStack() as opened:
        started, pause = 0, delay
        for connection in _connections(shell, uri, tally, opened):
            for found, once, place in _marked(connection, tally):
                if started:
                    time.sleep(pause)
                started += 1
                pause = delay if place.delay is None else place.delay
                _start(found, once, tally)
    return tally.end("started")


@command("guests-stop")
@uris
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=120.0,
    metavar="SECONDS",
    help="How long all of them together may take; default 120.",
)
@flag("destroy", "Stop those at once that take longer.")
def guests_stop(shell: Shell, uri: tuple[str, ...], timeout: float, destroy: bool) -> int:
    """Every running domain is asked to shut itself down, and waited for; which were marked to start with the host does
    not matter."""
    tally = Tally(shell)
    with ExitStack() as opened:
        asked: list[Leaving] = []
        for connection in _connections(shell, uri, tally, opened):
            asked.append(leaving := Leaving(connection))
            leaving.ask(tally)
        deadline = time.monotonic() + timeout
        while sum(leaving.look(tally) for leaving in asked) and time.monotonic() < deadline:
            time.sleep(LOOK_AGAIN)
        for leaving in asked:
            leaving.give_up(tally, timeout, destroy)
    return tally.end("stopped")


# -- who it is about ------------------------------------------------------------------------------------------


def _connections(shell: Shell, named: tuple[str, ...], tally: Tally, opened: ExitStack) -> Iterator[Connection]:
    """Those named, else the one of ``-c``, else each hypervisor found here; one that cannot be opened is told of."""
    from polyvisor.objects.connection import open_connection

    wanted = named or ((shell.uri,) if shell.uri else tuple(_found(shell, tally)))
    for uri in dict.fromkeys(wanted):
        try:
            connection = open_connection(uri, readonly=shell.readonly, configuration=shell.configuration)
        except PolyvisorError as error:
            tally.bad(error, uri=uri)
        else:
            yield opened.enter_context(connection)


def _found(shell: Shell, tally: Tally) -> Iterator[str]:
    """A URI for each installed driver that finds its hypervisor."""
    from polyvisor.objects.connection import present_hypervisors
    from polyvisor.plugins import Plugins

    settings = shell.configuration
    for driver, answer in present_hypervisors(Plugins(block=settings.blocked, order=settings.order)):
        if isinstance(answer, PolyvisorError):
            tally.bad(answer, uri=f"{driver}://")
        else:
            yield answer


def _marked(connection: Connection, tally: Tally) -> Iterable[tuple[Domain, bool, StartPlace]]:
    """The domains of ``connection`` to start, in order, whether only this once, and when."""
    try:
        idle = sorted(connection.domains(active=False, columns=()), key=lambda row: row.name)
        always = {row.ref.uuid for row in connection.domains(active=False, autostart=True, columns=())}
        once = set()
        if connection.supports("domain.autostart-once"):
            once = {row.ref.uuid for row in idle if connection.domain(uuid=row.ref.uuid).autostart_once()}
    except PolyvisorError as error:
        tally.bad(error, uri=str(connection.uri))
        return []
    wanted = [connection.domain(uuid=row.ref.uuid) for row in idle if row.ref.uuid in always | once]
    placed = [(found, found.uuid in once, _place(connection, found, tally)) for found in wanted]
    return sorted(placed, key=lambda each: each[2].order)  # of the same order they stay sorted by name


def _place(connection: Connection, found: Domain, tally: Tally) -> StartPlace:
    """When a domain starts; one whose document does not say it rightly starts all the same, which is told."""
    from polyvisor.cli.configuration import start_place
    from polyvisor.operations.startplace import StartPlace

    try:
        return start_place(found) if connection.supports("domain.metadata") else StartPlace()
    except PolyvisorError as error:
        tally.bad(error, uri=str(connection.uri), name=found.name)
        return StartPlace()


def _start(found: Domain, once: bool, tally: Tally) -> None:
    try:
        if once:  # used up by the attempt: a guest that brings the host down must not do so at every boot
            found.set_autostart_once(False)
        found.start()
    except PolyvisorError as error:
        tally.bad(error, uri=str(found.connection.uri), name=found.name)
    else:
        tally.good(found, "started")


# -- going ----------------------------------------------------------------------------------------------------


class Leaving:
    """The domains of one connection that are to go and are still there."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._there: dict[UUID, Domain] = {}
        self._refused: dict[UUID, PolyvisorError] = {}

    def ask(self, tally: Tally) -> None:
        """Ask every running domain to shut itself down."""
        try:
            for row in self.connection.domains(active=True, columns=()):
                found = self._there[row.ref.uuid] = self.connection.domain(uuid=row.ref.uuid)
                try:
                    found.shutdown()
                except PolyvisorError as error:
                    self._refused[found.uuid] = error
        except PolyvisorError as error:
            tally.bad(error, uri=str(self.connection.uri))

    def look(self, tally: Tally) -> bool:
        """Tell of those that are gone; returns whether there is any left that may still go by itself."""
        if self._there:
            try:
                running = {row.ref.uuid for row in self.connection.domains(active=True, columns=())}
            except PolyvisorError as error:
                tally.bad(error, uri=str(self.connection.uri))
                self._there.clear()
                return False
            for uuid in [uuid for uuid in self._there if uuid not in running]:
                tally.good(self._there.pop(uuid), "shut down")
        return not self._there.keys() <= self._refused.keys()

    def give_up(self, tally: Tally, timeout: float, destroy: bool) -> None:
        """The time is over: stop those that are left, or tell of them."""
        from polyvisor.errors import OperationTimeout

        late = OperationTimeout(
            f"still running {timeout:g} s after it was asked to shut down",
            operation="shutdown",
            hint="--destroy stops such domains, --timeout gives them longer",
        )
        for uuid, found in self._there.items():
            try:
                if not destroy:
                    raise self._refused.get(uuid, late)
                found.destroy()
                tally.good(found, "destroyed")
            except PolyvisorError as error:
                tally.bad(error, uri=str(self.connection.uri), name=found.name)
