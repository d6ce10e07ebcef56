"""Files of saved guests.

A file is one line that names the format and its version, then JSON: whether the guest was paused, how long it had
run, and its document. It may hold passwords, so it belongs to its owner alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from polyvisor.errors import HostError, NotFound, StateError, UnsupportedConfiguration
from polyvisor.state import write_atomic
from polyvisor_test.finding import devices_of

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

HEADER = b"polyvisor-test saved guest 1\n"


@dataclass(frozen=True, slots=True)
class SavedGuest:
    """A guest that was running: its configuration, whether it comes back paused, the simulated seconds it had run."""

    config: Domain
    paused: bool
    seconds: int

    def with_config(self, config: Domain) -> SavedGuest:
        """The same guest with another configuration; UnsupportedConfiguration if the guest would notice."""
        require_same_guest(self.config, config)
        return replace(self, config=config.copy())

    def with_paused(self, paused: bool | None) -> SavedGuest:
        """The same guest, coming back paused or running; None leaves that."""
        return self if paused is None else replace(self, paused=paused)


def write_image(path: Path, guest: SavedGuest) -> None:
    """Write the file, whole or not at all."""
    from polyvisor.documents import write

    facts = {"paused": guest.paused, "seconds": guest.seconds, "domain": write(guest.config, secure=True)}
    write_atomic(path, HEADER + json.dumps(facts).encode())


def read_image(path: Path) -> SavedGuest:
    """Read the file; raises NotFound when there is none, StateError when it is not one of ours."""
    from polyvisor.documents import read
    from polyvisor.model.domain import Domain
    from polyvisor_test.documents import EXTENSIONS

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"there is no saved guest at {path}", target=str(path)) from None
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror}", target=str(path)) from error
    if not content.startswith(HEADER):
        raise StateError(f"{path} is no guest that the test driver saved", target=str(path))
    try:
        facts = json.loads(content[len(HEADER) :])
        config = read(facts["domain"], Domain, contributions=EXTENSIONS)
        return SavedGuest(config, bool(facts["paused"]), int(facts["seconds"]))
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"the saved guest {path} is damaged: {error}", target=str(path)) from error


def write_dump(path: Path, size: int) -> None:
    """Make a file of ``size`` zero bytes that occupies no space; raises HostError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.truncate(descriptor, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise HostError(f"cannot write {path}: {error.strerror}", target=str(path)) from error


def require_same_guest(old: Domain, new: Domain) -> None:
    """Raise UnsupportedConfiguration if a running guest would notice the change from ``old`` to ``new``."""
    facts: dict[str, Callable[[Domain], object]] = {
        "uuid": lambda domain: str(domain.uuid),
        "name": lambda domain: domain.name,
        "memory": lambda domain: domain.memory_kib,
        "vcpu": lambda domain: domain.max_vcpu_count,
        "disk targets": lambda domain: sorted(disk.target.dev for disk in devices_of(domain).disks),
        "interfaces": lambda domain: sorted(str(nic.mac.address) for nic in devices_of(domain).interfaces if nic.mac),
    }
    for what, fact in facts.items():
        if fact(old) != fact(new):
            raise UnsupportedConfiguration(
                f"a saved guest would notice that its {what} changed from {fact(old)} to {fact(new)}",
                hint="change only what the guest does not see, such as paths and passwords",
            )
