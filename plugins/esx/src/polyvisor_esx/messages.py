"""What stands against a guest, and which of its disks are stopped by an error.

VMware says the first in ``configIssue`` and ``overallStatus`` of the guest, and of its operating system in the
``supportLevel`` that the host gives it (GuestOsDescriptor). The second it asks: a guest whose datastore is full waits
with a question, whose messages have ids of their own (VirtualMachineMessage).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from polyvisor.errors import InvalidState
from polyvisor.spi import DomainRef
from polyvisor_esx.guests import LOST, STATE, state_of
from polyvisor_esx.labels import disks_of
from polyvisor_esx.options import option
from polyvisor_esx.session import EsxSession

QUESTION = "runtime.question"
SYSTEM = "config.guestId"
AGAINST = (
    *STATE,
    QUESTION,
    SYSTEM,
    "configIssue",
    "overallStatus",
    "runtime.consolidationNeeded",
    "runtime.host",
    "environmentBrowser",
)

ENDING = ("deprecated", "legacy", "terminated")
UNPROVEN = ("experimental", "techPreview", "unsupported")
"""Support levels of operating systems: VMware takes its support away, or gives none."""

DISKS = "msg.hbacommon."
FULL = "msg.hbacommon.outofspace"
"""Ids of messages about disks that guests wait with, and that of a datastore without room."""


def messages(session: EsxSession, domain: DomainRef, *, deprecation: bool, tainting: bool) -> list[str]:
    """Warnings that stand against a guest; one request more for what its operating system is worth to VMware."""
    _machine, row = session.read(domain, AGAINST)
    level = _level(session, row) if deprecation or tainting else ""
    found: list[str] = []
    if tainting:
        found += [f"tainted: {reason}" for reason in _taints(row)]
        if level in UNPROVEN:
            found.append(f"tainted: VMware's support for the system {row[SYSTEM]} is {level}")
    if deprecation and level in ENDING:
        found.append(f"deprecated configuration: VMware's support for the system {row[SYSTEM]} is {level}")
    return found


def _taints(row: dict[str, Any]) -> Iterator[str]:
    if (connection := str(row.get("runtime.connectionState", "connected"))) in LOST:
        yield f"the guest is {connection}"
    if (question := row.get(QUESTION)) is not None:
        yield f"it waits for an answer: {question.text.strip()}"
    if row.get("runtime.consolidationNeeded"):
        yield "deleted snapshots have left disks behind that have to be consolidated"
    issues = [_words(issue) for issue in row.get("configIssue") or ()]
    yield from issues
    status = str(row.get("overallStatus") or "green")
    if status in ("yellow", "red") and not issues:
        yield f"VMware's overall status of it is {status}"


def _words(issue: Any) -> str:
    """What an event of the configuration says, in the server's language; else its type."""
    said = str(issue.fullFormattedMessage or "").strip()
    return said or str(getattr(issue, "eventTypeId", None) or type(issue).__name__.rpartition(".")[2])


def _level(session: EsxSession, row: dict[str, Any]) -> str:
    """How VMware supports the guest's operating system; empty where the server does not say."""
    browser, system = row.get("environmentBrowser"), row.get(SYSTEM)
    if browser is None or not system:
        return ""
    options = option(session, browser, row.get("runtime.host"), systems=[system])
    fitting = (each for each in getattr(options, "guestOSDescriptor", None) or () if each.id == system)
    return str(getattr(next(fitting, None), "supportLevel", None) or "")


# -- disks --------------------------------------------------------------------------------------------------------


def disk_errors(session: EsxSession, domain: DomainRef) -> dict[str, str]:
    """Targets of the disks of a running guest that a question is about, and what libvirt calls the trouble."""
    machine, row = session.read(domain, (*STATE, QUESTION, "config.hardware.device"))
    if not state_of(session, machine, row).state.active:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="esx")
    files = {
        PurePosixPath(name).name: target
        for target, device in disks_of(list(row.get("config.hardware.device") or ())).items()
        if (name := getattr(device.backing, "fileName", None))
    }
    found: dict[str, str] = {}
    for message in getattr(row.get(QUESTION), "message", None) or ():
        if message.id.startswith(DISKS):
            trouble = "no space" if message.id == FULL else "unspecified error"
            found.update(dict.fromkeys(_named(message, files), trouble))
    return found


def _named(message: Any, files: dict[str, str]) -> Iterator[str]:
    """Targets of the disks whose files a message names, in its arguments or else in its words."""
    arguments = [PurePosixPath(str(each)).name for each in message.argument or ()]
    for name, target in files.items():
        if name in arguments or name in (message.text or ""):
            yield target
