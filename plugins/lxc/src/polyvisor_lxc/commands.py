"""``polyvisor lxc ...``: what only containers have. Brought by the entry-point group ``polyvisor.commands``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polyvisor.errors import InvalidArgument
from polyvisor.spi import ConnectContext, DomainRef, Event
from polyvisor.uri import parse_uri
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor_lxc.audit import Finding


@click.group()
def lxc() -> None:
    """Run commands in containers, see how they are confined, copy them."""


def _ignore(event: Event) -> None:
    """Nobody listens to the events of a command."""


def _session(shell: Any) -> LxcSession:
    """The driver's own session on what the shell is connected to. Raises InvalidArgument where that is no LXC."""
    uri = parse_uri(str(shell.connection.uri))
    if uri.scheme != "lxc":
        raise InvalidArgument(
            f"{uri} is no connection to containers", hint="name one: polyvisor -c lxc:///system lxc ..."
        )
    return LxcSession.open(uri, ConnectContext(events=_ignore, read_only=shell.readonly))


def _container(shell: Any, text: str) -> DomainRef:
    ref: DomainRef = shell.domain(text).ref
    return ref


def _may_enter(shell: Any, text: str) -> DomainRef:
    """The container, if whoever calls may enter it: asked as the operation that opens its namespaces."""
    import os

    domain = shell.domain(text)
    for descriptor in domain.open_namespaces():
        os.close(descriptor)
    ref: DomainRef = domain.ref
    return ref


@lxc.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("domain")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=True)
@click.option("--env", "-E", "variables", multiple=True, metavar="NAME=VALUE", help="A variable; may be repeated.")
@click.option("--cwd", metavar="DIRECTORY", help="Directory in the container to begin in.")
@click.option("--uid", metavar="NUMBER", help="User id in the container.")
@click.option("--gid", metavar="NUMBER", help="Group id in the container.")
@click.pass_obj
def execute(
    shell: Any,
    domain: str,
    command: tuple[str, ...],
    variables: tuple[str, ...],
    cwd: str | None,
    uid: str | None,
    gid: str | None,
) -> int:
    """Run COMMAND in a running container: polyvisor lxc exec NAME -- COMMAND.

    Standard input, output and error are its own, also on a terminal; its exit status is this command's."""
    from polyvisor_lxc import namespaces

    environment = dict(_variable(text) for text in variables)
    container = _may_enter(shell, domain)
    process = namespaces.execute(
        _session(shell), container, command, environment=environment, directory=cwd, user=uid, group=gid
    )
    while True:
        try:
            return _status(process.wait())
        except KeyboardInterrupt:
            continue  # the terminal has sent it to the command as well, which decides


def _variable(text: str) -> tuple[str, str]:
    name, assigned, value = text.partition("=")
    if not name or not assigned:
        raise InvalidArgument(f"{text!r} is no variable", hint="write NAME=VALUE")
    return name, value


def _status(code: int) -> int:
    """The status as shells count it: 128 and the number of the signal that ended the command."""
    return 128 - code if code < 0 else code


@lxc.command("audit")
@click.argument("domain")
@click.pass_obj
def audit(shell: Any, domain: str) -> int:
    """Say how far a running container is confined, as the kernel has it.

    The exit status is 1 when something of the host is within its reach."""
    from polyvisor_lxc import audit as confinement

    found = confinement.findings(_session(shell), _container(shell, domain))
    rows = [(one.aspect, "yes" if one.confined else "no", one.detail) for one in found]
    data = [{"aspect": one.aspect, "confined": one.confined, "detail": one.detail} for one in found]
    shell.table(("Aspect", "Confined", "Detail"), rows, data=data)
    return _verdict(found)


def _verdict(found: list[Finding]) -> int:
    # a kernel without mandatory access control cannot confine by it
    wanting = [one for one in found if not one.confined and one.aspect != "mandatory access control"]
    return 1 if wanting else 0


@lxc.command("host")
@click.pass_obj
def host(shell: Any) -> None:
    """Say what this host lets containers do: control groups for limits, ids of their own, saving by CRIU."""
    from polyvisor_lxc import audit as confinement

    found = confinement.host_findings(_session(shell))
    rows = [(one.aspect, "yes" if one.confined else "no", one.detail) for one in found]
    data = [{"aspect": one.aspect, "possible": one.confined, "detail": one.detail} for one in found]
    shell.table(("Aspect", "Possible", "Detail"), rows, data=data)


@lxc.command("last")
@click.argument("domain")
@click.pass_obj
def last(shell: Any, domain: str) -> None:
    """Say how a container that does not run has ended: why, and with which exit status or signal."""
    from polyvisor.local import ended

    session, container = _session(shell), _container(shell, domain)
    reason, details = ended.reason(session, container.uuid), ended.details(session, container.uuid)
    known = {name: value for name, value in details.items() if value is not None}
    text = f"{reason}" + "".join(f", {name} {known[name]}" for name in ("status", "signal") if name in known)
    shell.data({"reason": reason, **known}, text)


@lxc.command("clone")
@click.argument("domain")
@click.argument("name")
@click.option("--root", metavar="DIRECTORY", help="Where the copy of the root goes; default: beside the original.")
@click.pass_obj
def clone(shell: Any, domain: str, name: str, root: str | None) -> None:
    """Copy a container that does not run, its root with it, under another NAME."""
    from polyvisor_lxc import cloning

    original = shell.domain(domain)
    config = cloning.prepare(_session(shell), original.ref, name, root)
    try:
        shell.connection.define(config)
    except BaseException:
        cloning.discard(config)
        raise
    shell.data({"name": name}, f"Domain '{name}' cloned from '{original.name}'")
