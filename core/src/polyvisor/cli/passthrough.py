"""Past Polyvisor, to what one hypervisor alone has."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.lifecycle import facts, pass_fds
from polyvisor.cli.output import as_json
from polyvisor.cli.parameters import complete_domain, data, domain, exclusive, flag

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.operations.passthrough import MonitorEvent


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


@command("qemu-monitor-event")
@click.option("--domain", metavar="DOMAIN", shell_complete=complete_domain, help="Only events of this domain.")
@click.option("--event", "pattern", metavar="NAME", help="Only events of this name.")
@flag("regex", "The name is a regular expression.")
@flag("no-case", "Capitals do not matter.")
@flag("loop", "Go on until the time is over or an interrupt; else one event is enough.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Wait so long at most.")
@flag("pretty", "Indent the data.")
@flag("timestamp", "Print when each event happened.")
def qemu_monitor_event(
    shell: Shell,
    domain: str | None,
    pattern: str | None,
    regex: bool,
    no_case: bool,
    loop: bool,
    timeout: float | None,
    pretty: bool,
    timestamp: bool,
) -> int:
    """As QEMU sends them. With --json, each event is a JSON object on a line of its own."""
    import queue
    import re
    import time

    arrivals: queue.SimpleQueue[MonitorEvent] = queue.SimpleQueue()
    wanted = pattern if regex or pattern is None else re.escape(pattern)
    if no_case and wanted is not None:
        wanted = f"(?i:{wanted})"
    watched = None if domain is None else shell.domain(domain).ref
    deadline = None if timeout is None else time.monotonic() + timeout
    count = 0
    shell.connection.watch_monitor_events(arrivals.put, watched=watched, pattern=wanted)
    try:
        while loop or not count:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            happened = arrivals.get(timeout=left)
            shell.print(
                as_json(happened, indent=None) if shell.json else _monitor_sentence(happened, pretty, timestamp)
            )
            count += 1
    except queue.Empty:
        shell.note("event loop timed out")
    except KeyboardInterrupt:
        shell.note("event loop interrupted")
    finally:
        shell.connection.watch_monitor_events(None)
    shell.note(f"events received: {count}")
    return 0 if count or loop else 1


def _monitor_sentence(happened: MonitorEvent, pretty: bool, timestamp: bool) -> str:
    from datetime import datetime

    begin = f"{datetime.fromtimestamp(happened.when).astimezone():%Y-%m-%d %H:%M:%S%z}: " if timestamp else ""
    data = as_json(happened.data, indent=2 if pretty else None) if happened.data else "<null>"
    return f"{begin}event {happened.event} for domain '{happened.domain.name}': {data}"
