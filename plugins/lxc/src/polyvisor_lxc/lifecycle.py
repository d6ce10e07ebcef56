"""Starting, stopping and pausing containers.

Every change holds the container's lock. A start that is cut short at any instruction leaves a status record, to be
finished or undone by whoever comes next: the intent is written before any process exists, and liblxc's processes name
the container in their command line.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from polyvisor.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidState,
    UnsupportedOption,
)
from polyvisor.host.process import Process
from polyvisor.local import bus
from polyvisor.spi import Affect, DomainRef, DomainState, Event, EventKind, Lifecycle
from polyvisor.state import reported
from polyvisor_lxc import booting, domainjobs, guests, initsystem, stopping
from polyvisor_lxc.session import GuestFiles, LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.operations.lifecycle import ShutdownMode

ACTIONS = {
    "poweroff": ("destroy", "restart"),
    "reboot": ("restart", "destroy"),
    "crash": ("destroy", "restart", "preserve"),
}
"""What may follow each way in which a container ends by itself."""

# -- starting ---------------------------------------------------------------------------------------------


def start(
    session: LxcSession,
    domain: DomainRef,
    *,
    paused: bool,
    autodestroy: bool,
    force_boot: bool = False,
    fds: Sequence[int] = (),
) -> DomainRef:
    """Start a defined container, or take it up where it was saved."""
    from polyvisor.local import configuration
    from polyvisor_lxc import kept

    with configuration.startable(session, domain) as entry:
        if not force_boot and kept.there(session, domain.uuid):
            if fds:
                raise InvalidState(
                    f"{domain} was saved, and what goes on has its descriptors already",
                    target=str(domain),
                    driver="lxc",
                    hint="force_boot starts it anew",
                )
            from polyvisor_lxc import saving

            return saving.start_kept(session, domain, entry.name, paused=paused, autodestroy=autodestroy)
        config = configuration.load(session, entry)
        intent = booting.intend(session, config, autodestroy=autodestroy, paused=paused)
        return booting.run(session, *intent, fds=fds, paused=paused)


def create(
    session: LxcSession, config: Domain, *, paused: bool, autodestroy: bool, fds: Sequence[int] = ()
) -> DomainRef:
    """Start a container that is not stored, or the stored one of that name and UUID with another configuration."""
    from polyvisor.local import configuration

    uuid = configuration.identity(config)
    with session.store.lock(uuid):
        if guests.settle(session, uuid).alive:
            raise AlreadyExists(f"domain {config.name!r} is already running", driver="lxc", hint="destroy it first")
        with configuration.names(session):
            configuration.refuse_taken(session, config.name, uuid)
            intent = booting.intend(session, config, autodestroy=autodestroy, paused=paused)
        return booting.run(session, *intent, fds=fds, paused=paused)


def start_again(session: LxcSession, config: Domain, *, number: int | None = None) -> DomainRef:
    """Start a container once more that has ended by itself; the caller holds its lock.

    With ``number`` it is the same instance still, of whose start nobody is told."""
    intent = booting.intend(session, config, autodestroy=False, number=number)
    return booting.run(session, *intent, told="booted" if number is None else None)


def start_from_snapshot(session: LxcSession, config: Domain, *, paused: bool) -> DomainRef:
    """Start a container whose root was just put back; the caller holds its lock."""
    from polyvisor_lxc import snapshots

    intent = booting.intend(session, config, autodestroy=False, paused=paused)
    domain = booting.run(session, *intent, paused=paused, told=None)
    snapshots.tell_restored(session, domain, paused=paused)
    return domain


# -- stopping ---------------------------------------------------------------------------------------------


def destroy(session: LxcSession, domain: DomainRef, *, graceful: bool, remove_logs: bool) -> None:
    """Pull the plug."""
    with guests.active(session, domain) as found:
        stopping.stop(session, found, graceful=graceful)
        if remove_logs:
            _remove_logs(session.files(domain.uuid))


def _remove_logs(files: GuestFiles) -> None:
    directory = os.path.dirname(files.console)
    with reported("remove the logs in", directory):
        for name in os.listdir(directory):
            if name.startswith(str(files.uuid)):
                os.unlink(f"{directory}/{name}")


# -- a running container ----------------------------------------------------------------------------------


def suspend(session: LxcSession, domain: DomainRef) -> None:
    """Freeze every process."""
    _stand(session, domain, still=True)


def resume(session: LxcSession, domain: DomainRef) -> None:
    """Let the processes go on."""
    _stand(session, domain, still=False)


def _stand(session: LxcSession, domain: DomainRef, *, still: bool) -> None:
    with guests.active(session, domain) as found:
        assert found.status is not None
        domainjobs.refuse_work(domain, found)
        if found.group.frozen() is still:
            return
        found.group.freeze(still)
        stopping.await_standstill(domain, found.group, still)
        if not still:
            session.store.write_status(domain.uuid, {**found.status, "why": "unpaused"})
        event, detail = (Lifecycle.SUSPENDED, "paused") if still else (Lifecycle.RESUMED, "unpaused")
        bus.tell(session, found.ref(found.status["name"]), event, detail)


def shutdown(session: LxcSession, domain: DomainRef, modes: Sequence[ShutdownMode]) -> None:
    """Ask init to stop, by the signal that it takes for that."""
    _signals_only(modes, "shut down")
    with guests.active(session, domain) as found:
        assert found.status is not None
        _ask(session, domain, found, "halt")
        bus.tell(session, found.ref(found.status["name"]), Lifecycle.SHUTDOWN, "host")


def reboot(session: LxcSession, domain: DomainRef, modes: Sequence[ShutdownMode]) -> None:
    """Ask init to reboot; liblxc then starts it anew."""
    _signals_only(modes, "reboot")
    with guests.active(session, domain) as found:
        if found.status is not None and "restored" in found.status:
            raise InvalidState(
                f"{domain} was restored, and liblxc does not start one of these again when it reboots",
                target=str(domain),
                driver="lxc",
                hint="reset it, or shut it down and start it",
            )
        _ask(session, domain, found, "reboot")


def _ask(session: LxcSession, domain: DomainRef, found: guests.Look, what: str) -> None:
    """Send init a signal that it hears. Raises InvalidState when it hears none, with nothing sent."""
    if found.state.state is DomainState.PAUSED:
        raise InvalidState(
            f"{domain} is paused and cannot react",
            target=str(domain),
            driver="lxc",
            hint="resume it first, or destroy it",
        )
    from polyvisor.local import configuration

    pid = guests.require_init(session, domain)[1]
    kind = initsystem.of(pid)
    said = _said_signal(configuration.read_live(session, domain), what)
    wanted = (said,) if said is not None else kind.halt if what == "halt" else kind.reboot
    number = initsystem.choose(wanted, initsystem.caught(pid))
    init = Process.running(pid)
    if number is None or init is None:
        import signal

        names = ", ".join(signal.Signals(one).name if one < 32 else f"SIGRTMIN+{one - 34}" for one in wanted)
        tried = f"it has no handler for {names}" if names else "it knows no signal for that"
        raise InvalidState(
            f"the init of {domain}, {kind.name}, would not {what}: {tried}",
            target=str(domain),
            driver="lxc",
            hint="destroy it, or run an init that can be asked",
        )
    init.kill(number)


def reset(session: LxcSession, domain: DomainRef) -> None:
    """End the container and start it again at once."""
    from polyvisor.local import configuration

    with guests.active(session, domain) as found:
        assert found.status is not None
        config = session.parse(configuration.text(configuration.read_live(session, domain)))
        tied, number = "owner" in found.status, found.id
        stopping.stop(session, found, graceful=False)
        again = booting.run(session, *booting.intend(session, config, autodestroy=tied, number=number))
        bus.publish(session, Event(EventKind.REBOOT, again, data={"by_guest": False}))


def set_action(session: LxcSession, domain: DomainRef, event: str, action: str, affect: Affect) -> None:
    """Change what follows when the container reboots; what follows the rest is always its end."""
    from polyvisor.model.domain.events import CrashAction, LifecycleAction
    from polyvisor_lxc import changes, endings

    if action not in ACTIONS.get(event, ()):
        raise InvalidArgument(
            f"{action!r} cannot follow {event!r} of a container",
            driver="lxc",
            hint="; ".join(f"{name}: {' or '.join(known)}" for name, known in ACTIONS.items()),
        )
    kind = CrashAction if event == "crash" else LifecycleAction
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            setattr(config, f"on_{event}", kind(action))
        if change.live is not None:
            endings.write_wishes(session.files(domain.uuid), change.live)


def _said_signal(config: Domain, what: str) -> int | None:
    """The signal that the document names for a request, None when it leaves that to us."""
    from polyvisor_lxc.namespaces import signal_number

    found: Any = next((one for one in config.extensions if type(one).tag == "signals"), None)
    name = getattr(found, what) if found is not None else None
    return signal_number(name) if name is not None else None


def _signals_only(modes: Sequence[ShutdownMode], what: str) -> None:
    """Raise UnsupportedOption unless a signal to init, the one way there is, is among the ``modes``."""
    if modes and "signal" not in modes:
        raise UnsupportedOption(
            f"the lxc driver cannot {what} a container by {' or '.join(map(str, modes))}",
            driver="lxc",
            hint="use mode signal, or none",
        )
