"""Copying a whole container: its root and images, and its document under another name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from polyvisor.errors import AlreadyExists, InvalidState
from polyvisor.local import configuration
from polyvisor.spi import DomainRef
from polyvisor_lxc import copies, guests
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


def prepare(session: LxcSession, domain: DomainRef, name: str, root: str | None) -> Domain:
    """Copy what the container keeps on the host; returns the document of the copy, to be defined.

    Raises InvalidState when it runs, AlreadyExists when a place for a copy or the name is taken."""
    guests.require(session, domain)
    with session.store.lock(domain.uuid):
        if guests.settle(session, domain.uuid).alive:
            raise InvalidState(
                f"{domain} runs, and what it has on disk may change meanwhile",
                target=str(domain),
                driver="lxc",
                hint="shut it down first",
            )
        configuration.refuse_name(session, name)
        made = configuration.load(session, configuration.stored(session, domain)).copy()
        made.name, made.uuid = name, None
        held: Any = made.devices
        for interface in held.interfaces:
            interface.mac = None  # one of its own is made
        places = _places(copies.kept_paths(made), name, root)
        for place in places.values():
            if os.path.lexists(place):
                raise AlreadyExists(f"{place} is there already", driver="lxc", hint="name another place (--root)")
        _copy(made, places)
        return made


def _places(paths: dict[str, str], name: str, root: str | None) -> dict[str, str]:
    """Where the copy of each thing that is kept goes, by mount point."""
    safe = "".join(each if each.isalnum() or each in "-_." else "_" for each in name)
    found = {}
    for point, path in paths.items():
        stem, suffix = os.path.splitext(path.rstrip("/")) if os.path.isfile(path) else (path.rstrip("/"), "")
        found[point] = root if point == "/" and root is not None else f"{stem}-{safe}{suffix}"
    return found


def _copy(made: Domain, places: dict[str, str]) -> None:
    held: Any = made.devices
    done = []
    try:
        for one in held.filesystems:
            if (place := places.get(one.target.dir)) is None:
                continue
            done.append(place)
            copies.copy_whole(one.source.file if one.type == "file" else one.source.dir, place)
            if one.type == "file":
                one.source.file = place
            else:
                one.source.dir = place
    except BaseException:
        for place in done:
            copies.remove(place)
        raise


def discard(made: Domain) -> None:
    """Remove the copies of a clone that could not be defined."""
    for path in copies.kept_paths(made).values():
        copies.remove(path)
