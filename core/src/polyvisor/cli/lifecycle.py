"""Starting, stopping and pausing domains."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.parameters import affects, data, domain, flag, read_file, xml_file
from polyvisor.errors import UnsupportedOption
from polyvisor.operations.lifecycle import ShutdownMode, SuspendTarget
from polyvisor.operations.records import Affect

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.objects.domain import Domain


def facts(found: Domain) -> dict[str, Any]:
    """Which domain, for programs."""
    return {"name": found.name, "uuid": found.uuid, "id": found.id}


def descriptors(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...]:
    """``N,M,...`` as numbers of open files."""
    try:
        return tuple(int(number) for number in value.split(",")) if value else ()
    except ValueError:
        raise click.BadParameter("write numbers of open files: 3,4", ctx, param) from None


pass_fds = click.option(
    "--pass-fds", "fds", metavar="N,M,...", callback=descriptors, help="Open files to hand to the guest (containers)."
)


def _begin(begin: Callable[..., Domain], options: dict[str, Any], console: bool) -> tuple[Domain, bool]:
    """Start paused if a console is wanted, so that it misses nothing; returns whether the domain waits for that."""
    if console and not options["paused"]:
        try:
            return begin(**{**options, "paused": True}), True
        except UnsupportedOption:
            pass  # a driver that cannot start a domain paused: the console will lack its first words
    return begin(**options), False


def _attend(shell: Shell, found: Domain, console: bool, waits: bool) -> int | None:
    if not console:
        return None
    from polyvisor.cli.console import attach

    return attach(shell, found, resume=waits)


@command("create")
@xml_file(help="File with the domain's XML; - is standard input.")
@flag("console", "Connect to the console once it runs.")
@flag("paused", "Leave the vCPUs stopped.")
@flag("autodestroy", "Destroy the domain when this command ends.")
@flag("validate", "For virsh's sake: documents are always validated.")
@pass_fds
def create(shell: Shell, file: str, console: bool, validate: bool, **options: Any) -> int | None:
    """The domain has no stored configuration and is gone when it stops."""
    config = read_file(file)
    found, waits = _begin(lambda **chosen: shell.connection.create(config, **chosen), options, console)
    shell.done(f"Domain '{found.name}' created from {file}", **facts(found))
    return _attend(shell, found, console, waits)


@command("start")
@domain()
@flag("console", "Connect to the console once it runs.")
@flag("paused", "Leave the vCPUs stopped.")
@flag("autodestroy", "Destroy the domain when this command ends.")
@flag("bypass-cache", "Do not fill the file system cache when loading a save image.")
@flag("force-boot", "Throw a managed save image away and boot afresh.")
@flag("reset-nvram", "Start from the firmware's template of variables.")
@pass_fds
def start(shell: Shell, domain: str, console: bool, **options: Any) -> int | None:
    """It continues from its managed save image if it has one, else it boots."""
    found = shell.domain(domain)
    found, waits = _begin(found.start, options, console)
    shell.done(f"Domain '{found.name}' started", **facts(found))
    return _attend(shell, found, console, waits)


def _modes(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[ShutdownMode, ...]:
    try:
        return tuple(ShutdownMode(word) for word in value.split(",")) if value else ()
    except ValueError:
        known = ", ".join(ShutdownMode)
        raise click.BadParameter(f"{value!r} is none of {known}", ctx, param) from None


mode = click.option(
    "--mode",
    "modes",
    metavar="MODE,...",
    callback=_modes,
    help=f"Ways to ask the guest, tried in turn: {', '.join(ShutdownMode)}.",
)


@command("shutdown")
@domain()
@mode
def shutdown(shell: Shell, domain: str, modes: tuple[ShutdownMode, ...]) -> None:
    """Returns when the guest was asked. It may take its time, or ignore it."""
    found = shell.domain(domain)
    found.shutdown(modes=modes)
    shell.done(f"Domain '{found.name}' is being shutdown", **facts(found))


@command("reboot")
@domain()
@mode
def reboot(shell: Shell, domain: str, modes: tuple[ShutdownMode, ...]) -> None:
    """Returns when the guest was asked."""
    found = shell.domain(domain)
    found.reboot(modes=modes)
    shell.done(f"Domain '{found.name}' is being rebooted", **facts(found))


@command("destroy")
@domain()
@flag("graceful", "Give the hypervisor time to flush what it holds; refuse to kill it.")
@flag("remove-logs", "Remove the domain's logs, too.")
def destroy(shell: Shell, domain: str, graceful: bool, remove_logs: bool) -> None:
    """As if its plug were pulled: what the guest has not written is lost. Its disks and its configuration stay."""
    found = shell.domain(domain)
    found.destroy(graceful=graceful, remove_logs=remove_logs)
    how = "gracefully stopped" if graceful else "destroyed"
    shell.done(f"Domain '{found.name}' {how}", **facts(found))


def _simple(name: str, call: Callable[[Domain], Any], message: str, doc: str) -> None:
    """A command that does one thing to a domain."""

    def act(shell: Shell, domain: str) -> None:
        found = shell.domain(domain)
        call(found)
        shell.done(message.format(found.name), **facts(found))

    act.__doc__ = doc
    command(name)(domain()(act))


_simple("reset", lambda found: found.reset(), "Domain '{}' was reset", "What the guest has not written is lost.")
_simple("suspend", lambda found: found.suspend(), "Domain '{}' suspended", "Its memory stays; its vCPUs stop.")
_simple("resume", lambda found: found.resume(), "Domain '{}' resumed", "After suspend, or start --paused.")
_simple(
    "dompmwakeup",
    lambda found: found.pm_wakeup(),
    "Domain '{}' successfully woken up",
    "For a guest that dompmsuspend sent to sleep.",
)


@command("dompmsuspend")
@domain()
@data("target", type=click.Choice([target.value for target in SuspendTarget]), help="Where its memory is kept.")
@data("duration", required=False, type=click.IntRange(min=0), default=0, help="Seconds after which to wake it.")
def dompmsuspend(shell: Shell, domain: str, target: str, duration: int) -> None:
    """The guest must have the means: ACPI S3 or S4, or an agent."""
    found = shell.domain(domain)
    found.pm_suspend(SuspendTarget(target), seconds=duration)
    shell.done(f"Domain '{found.name}' successfully suspended", **facts(found))


_EVENTS = ("poweroff", "reboot", "crash")
_ACTIONS = (
    "destroy",
    "restart",
    "rename-restart",
    "preserve",
    "coredump-destroy",
    "coredump-restart",
)


@command("set-lifecycle-action")
@domain()
@data("type", type=click.Choice(_EVENTS), help="What may happen to the domain.")
@data("action", type=click.Choice(_ACTIONS), help="What is done then.")
@affects()
def set_lifecycle_action(shell: Shell, domain: str, type: str, action: str, affect: Affect) -> None:
    """The values are those of <on_poweroff>, <on_reboot> and <on_crash>."""
    if action.startswith("coredump-") and type != "crash":
        raise UsageFault(f"{action} is an action for crash only")
    found = shell.domain(domain)
    found.set_lifecycle_action(type, action, affect=affect)
    shell.done(f"Domain '{found.name}': {action} on {type}", **facts(found))
