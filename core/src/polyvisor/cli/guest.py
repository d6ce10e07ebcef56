"""Things that a domain's own operating system does, asked of its agent."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.parameters import data, domain, exclusive, flag, read_file
from polyvisor.operations.guest import AddressSource, GuestInfoGroup

Function = Callable[..., Any]

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell

mountpoints = data("mountpoint", rest=True, required=False, help="Where they are mounted; default: all.")


def _source(default: AddressSource) -> Callable[[Function], Function]:
    return click.option(
        "--source",
        type=click.Choice([each.value for each in AddressSource]),
        default=default.value,
        show_default=True,
        help="Who is asked: the DHCP server, the agent, or the host's ARP table.",
    )


@command("domhostname")
@domain()
@_source(AddressSource.AGENT)
def domhostname(shell: Shell, domain: str, source: str) -> None:
    """As the domain names itself."""
    name = shell.domain(domain).guest_hostname(source=AddressSource(source))
    shell.data({"hostname": name}, name)


@command("domifaddr")
@domain()
@data("interface", required=False, help="Only this device.")
@flag("full", "Name and MAC address on every line.")
@_source(AddressSource.LEASE)
def domifaddr(shell: Shell, domain: str, interface: str | None, full: bool, source: str) -> None:
    """The network devices and their addresses."""
    found = [
        each
        for each in shell.domain(domain).guest_interfaces(source=AddressSource(source))
        if interface in (None, each.name)
    ]
    lines = [f" {'Name':<10} {'MAC address':<20} {'Protocol':<12} Address", "-" * 79] if not shell.quiet else []
    for each in found:
        rows = [(address.family, f"{address.address}/{address.prefix}") for address in each.addresses]
        for number, (family, address) in enumerate(rows or [("N/A", "N/A")]):
            name, mac = (each.name, each.mac or "N/A") if full or not number else ("-", "-")
            lines.append(f" {name:<10} {mac:<20} {family:<12} {address}")
    shell.data(found, "\n".join(lines) if shell.quiet else "\n".join(lines) + "\n")


@command("guestinfo")
@domain()
@flag("user", "Users that are logged in.")
@flag("os", "The operating system.")
@flag("timezone", "The time zone.")
@flag("hostname", "The host name.")
@flag("filesystem", "File systems.")
@flag("disk", "Disks.")
@flag("interface", "Network devices.")
@flag("load", "Load averages.")
def guestinfo(shell: Shell, domain: str, **chosen: bool) -> None:
    """Without options, all that the agent tells."""
    names = dict(zip(chosen, GuestInfoGroup, strict=True))
    groups = [names[option] for option, wanted in chosen.items() if wanted]
    info = shell.domain(domain).guest_info(groups=groups, enforce=bool(groups))
    shell.data(info.values, "\n".join(f"{name:<20}: {value}" for name, value in info.values.items()))


@command("domfsinfo")
@domain()
def domfsinfo(shell: Shell, domain: str) -> None:
    """The mounted file systems."""
    found = shell.domain(domain).guest_filesystems()
    rows = [(each.mountpoint, each.name, each.type, ",".join(each.devices)) for each in found]
    shell.table(("Mountpoint", "Name", "Type", "Target"), rows, found)


@command("domfsfreeze")
@domain()
@mountpoints
def domfsfreeze(shell: Shell, domain: str, mountpoint: tuple[str, ...]) -> None:
    """Until domfsthaw, what writes to them waits."""
    count = shell.domain(domain).freeze_filesystems(mountpoints=mountpoint)
    shell.done(f"Froze {count} filesystem(s)", count=count)


@command("domfsthaw")
@domain()
@mountpoints
def domfsthaw(shell: Shell, domain: str, mountpoint: tuple[str, ...]) -> None:
    """After domfsfreeze."""
    count = shell.domain(domain).thaw_filesystems(mountpoints=mountpoint)
    shell.done(f"Thawed {count} filesystem(s)", count=count)


@command("domfstrim")
@domain()
@click.option("--minimum", type=click.IntRange(min=0), default=0, metavar="BYTES", help="Leave shorter ranges.")
@click.option("--mountpoint", metavar="PATH", help="Only this file system.")
def domfstrim(shell: Shell, domain: str, minimum: int, mountpoint: str | None) -> None:
    """Gives unused blocks back to the disks."""
    shell.domain(domain).trim_filesystems(mountpoint=mountpoint, minimum=minimum)
    shell.done("")


@command("domtime")
@domain()
@flag("now", "Set it to this host's time.")
@flag("sync", "Have the guest read its hardware clock.")
@click.option("--time", "seconds", type=click.IntRange(min=0), metavar="SECONDS", help="Set it: since the epoch, UTC.")
@flag("pretty", "As a date.")
def domtime(shell: Shell, domain: str, now: bool, sync: bool, seconds: int | None, pretty: bool) -> None:
    """Without options, show the guest's clock."""
    exclusive("now", "sync", "seconds")
    found = shell.domain(domain)
    if now or sync or seconds is not None:
        import time

        found.set_guest_time(time.time_ns() if now else None if seconds is None else seconds * 10**9)
        shell.done("")
        return
    nanoseconds = found.guest_time()
    whole = nanoseconds // 10**9
    shown = f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%d %H:%M:%S}" if pretty else str(whole)
    shell.data({"nanoseconds": nanoseconds}, f"Time: {shown}")


@command("set-user-password")
@domain()
@data("user", help="Name of the user.")
@data("password", required=False, help="The password. Better left out: others can see the command line.")
@flag("encrypted", "It is hashed already.")
def set_user_password(shell: Shell, domain: str, user: str, password: str | None, encrypted: bool) -> None:
    """Without a password, it is asked for on the terminal, or read from standard input."""
    secret = password if password is not None else _secret()
    shell.domain(domain).set_guest_password(user, secret, encrypted=encrypted)
    shell.done(f"Password set successfully for {user} in {domain}")


def _secret() -> str:
    if sys.stdin is not None and sys.stdin.isatty():
        return str(click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
    line = sys.stdin.readline() if sys.stdin is not None else ""
    if not line:
        raise UsageFault("no password: standard input is empty")
    return line.rstrip("\n")


@command("get-user-sshkeys")
@domain()
@data("user", help="Name of the user.")
def get_user_sshkeys(shell: Shell, domain: str, user: str) -> None:
    """The keys with which the user may log in."""
    keys = shell.domain(domain).guest_ssh_keys(user)
    shell.data(keys, "\n".join(keys))


@command("set-user-sshkeys")
@domain()
@data("user", help="Name of the user.")
@data("file", required=False, help="File with the keys, a line each; - is standard input.")
@flag("reset", "Take all other keys away.")
@flag("remove", "Take these keys away.")
def set_user_sshkeys(shell: Shell, domain: str, user: str, file: str | None, reset: bool, remove: bool) -> None:
    """Without --reset and --remove, the keys are added."""
    exclusive("reset", "remove")
    if file is None and not reset:
        raise UsageFault("Option --file is required")
    text = "" if file is None else read_file(file).decode()
    keys = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    shell.domain(domain).set_guest_ssh_keys(user, keys, append=not (reset or remove), remove=remove)
    shell.done("")


@command("guest-agent-timeout")
@domain()
@click.option("--timeout", type=float, metavar="SECONDS", help="0: do not wait; -2: for ever; -1: the default.")
def guest_agent_timeout(shell: Shell, domain: str, timeout: float | None) -> None:
    """How long commands wait for the agent, until the domain stops."""
    known = {-2.0: math.inf, -1.0: None}
    if timeout is not None and timeout < 0 and timeout not in known:
        raise UsageFault(f"{timeout:g} is no time to wait")
    shell.domain(domain).set_agent_timeout(known.get(timeout, timeout) if timeout is not None else None)
    shell.done("")
