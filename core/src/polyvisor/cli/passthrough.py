"""Past Polyvisor, to what one hypervisor alone has."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.lifecycle import facts, pass_fds
from polyvisor.cli.parameters import data, domain, exclusive, flag

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell


def _answer(shell: Shell, text: str, pretty: bool) -> None:
    if shell.json or pretty:
        try:
            answer: Any = json.loads(text)
        except ValueError:
            answer = text
        shell.data(answer, json.dumps(answer, indent=2, ensure_ascii=False) if answer is not text else text)
    else:
        shell.print(text.rstrip("\n"))


@command("qemu-monitor-command")
@domain()
@data("cmd", rest=True, help="The command: words are joined by blanks; a word without braces is a QMP command.")
@flag("hmp", "It is one for the human monitor.")
@flag("pretty", "Indent the answer.")
@flag("return-value", "Only what stands under 'return'.")
@pass_fds
def qemu_monitor_command(
    shell: Shell,
    domain: str,
    cmd: tuple[str, ...],
    hmp: bool,
    pretty: bool,
    return_value: bool,
    fds: tuple[int, ...],
) -> None:
    """What it does is unknown to Polyvisor, which may be confused by it."""
    exclusive("hmp", "return-value")
    text = " ".join(cmd) if hmp else qmp(cmd)
    answer = shell.domain(domain).monitor_command(text, human=hmp, fds=fds)
    if return_value:
        found = json.loads(answer)
        if "return" not in found:
            from polyvisor.errors import HypervisorError

            raise HypervisorError(f"the monitor refused: {found.get('error', {}).get('desc', answer)}")
        answer = json.dumps(found["return"])
    _answer(shell, answer, pretty)


def qmp(words: tuple[str, ...]) -> str:
    """Words as a QMP command: an object as it is, else the name of a command and ``key=value`` arguments."""
    text = " ".join(words)
    if text.lstrip().startswith("{"):
        return text
    name, *arguments = words
    found: dict[str, Any] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise UsageFault(f"{argument!r}: write key=value, or the whole command as a JSON object")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return json.dumps({"execute": name, **({"arguments": found} if found else {})})


@command("qemu-agent-command")
@domain()
@data("cmd", rest=True, help="The command: a JSON object, or a name and key=value arguments.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="How long to wait for the answer.")
@flag("async", "Do not wait for the answer.")
@flag("block", "Wait for ever.")
@flag("pretty", "Indent the answer.")
def qemu_agent_command(
    shell: Shell,
    domain: str,
    cmd: tuple[str, ...],
    timeout: float | None,
    block: bool,
    pretty: bool,
    **options: bool,
) -> None:
    """What it does is unknown to Polyvisor."""
    exclusive("timeout", "async", "block")
    wait = 0 if options["async"] else math.inf if block else timeout
    answer = shell.domain(domain).agent_command(qmp(cmd), timeout=wait)
    if answer:
        _answer(shell, answer, pretty)


@command("qemu-attach")
@data("pid", type=click.IntRange(min=1), help="Number of the process.")
def qemu_attach(shell: Shell, pid: int) -> None:
    """A QEMU that was not started by Polyvisor."""
    found = shell.connection.adopt(pid)
    shell.done(f"Domain '{found.name}' attached to pid {pid}", **facts(found))
