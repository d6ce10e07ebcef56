"""The save that the next start of a container takes up: where it is, whether there is one, and throwing it away.

What a container is otherwise started from, or whose root is put back, must not be taken up from it any more: its memory
is of files that are others by then.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from uuid import UUID

from polyvisor.errors import InvalidState
from polyvisor.state import reported

if TYPE_CHECKING:
    from polyvisor.spi import DomainRef
    from polyvisor_lxc.session import LxcSession

_SUFFIX = ".save"


def directory(session: LxcSession) -> str:
    """Where kept saves are."""
    return f"{session.paths.state}/save"


def path(session: LxcSession, uuid: UUID) -> str:
    """Where the save of a container is that its next start takes up."""
    return f"{directory(session)}/{uuid}{_SUFFIX}"


def there(session: LxcSession, uuid: UUID) -> bool:
    """Whether the next start takes the container up."""
    return os.path.exists(path(session, uuid))


def drop(session: LxcSession, uuid: UUID) -> None:
    """Remove the kept save, if there is one; the caller holds the container's lock. Raises HostError."""
    remove(path(session, uuid))


def remove(save: str) -> None:
    """Remove a save, if it is there. Raises HostError."""
    with reported("remove", save):
        try:
            os.unlink(save)
        except FileNotFoundError:
            pass  # another process was quicker


def refuse_undefine(session: LxcSession, domain: DomainRef, *, allowed: bool) -> None:
    """Raise InvalidState for a container with a kept save unless that may go too."""
    if there(session, domain.uuid) and not allowed:
        raise InvalidState(
            f"{domain} has a kept save",
            target=str(domain),
            driver="lxc",
            hint="undefine it with its managed save, or remove that first",
        )
