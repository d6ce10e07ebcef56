"""Speaking to the agent of a guest in its own words: JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from polyvisor.errors import InvalidArgument
from polyvisor.spi import DomainRef, hookimpl
from polyvisor_test.guestsystem import GuestSystem
from polyvisor_test.session import TestSession

Answer = Callable[[GuestSystem, int, dict[str, Any]], Any]

COMMANDS: dict[str, Answer] = {
    "guest-ping": lambda system, clock, arguments: {},
    "guest-sync": lambda system, clock, arguments: arguments.get("id"),
    "guest-get-host-name": lambda system, clock, arguments: {"host-name": system.hostname},
    "guest-get-time": lambda system, clock, arguments: system.time(clock),
    "guest-fsfreeze-status": lambda system, clock, arguments: "frozen" if system.frozen else "thawed",
    "guest-info": lambda system, clock, arguments: {
        "version": version("polyvisor-test"),
        "supported_commands": [{"name": name, "enabled": True} for name in COMMANDS],
    },
}
"""What the simulated agent answers, by command of the QEMU guest agent's protocol."""


class PassthroughOperations:
    """The operations of ``polyvisor.operations.passthrough``."""

    @hookimpl
    def agent_command(
        self,
        session: TestSession,
        domain: DomainRef,
        command: str,
        *,
        timeout: float | None = None,
    ) -> str:
        """The simulated agent answers at once, so that nobody has to wait for it."""
        name, arguments = _parsed(command)
        if timeout is not None and not timeout >= 0:
            raise InvalidArgument(f"{timeout} seconds is no time to wait", hint="None means the usual time")
        with session.machine(domain) as machine:
            answer = _answer(machine.require_agent(), session.node.tick(), name, arguments)
        return "" if timeout == 0 else json.dumps(answer)


def _answer(system: GuestSystem, clock: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if name not in COMMANDS:
        return {"error": {"class": "CommandNotFound", "desc": f"The command {name} has not been found"}}
    return {"return": COMMANDS[name](system, clock, arguments)}


def _parsed(command: str) -> tuple[str, dict[str, Any]]:
    """The command's name and arguments; raises InvalidArgument."""
    try:
        found = json.loads(command)
        name, arguments = found["execute"], found.get("arguments", {})
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidArgument(f"{command!r} is no command", hint='write {"execute": "guest-ping"}') from error
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise InvalidArgument(f"{command!r} is no command", hint="execute is a text, arguments an object")
    return name, arguments
