"""The snapshots of one container on disk: an index that is replaced whole, and a directory of copies for each."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

from polyvisor.errors import NoSuchSnapshot, StateError
from polyvisor.operations.snapshots import SnapshotExtent
from polyvisor.spi import DomainRef
from polyvisor.state import make_private_directory, reported, write_atomic
from polyvisor_lxc import copies


@dataclass(slots=True)
class Record:
    """One snapshot. ``document`` is its ``<domainsnapshot>``, ``copies`` maps mount points to names in its directory.

    ``number`` names that directory; it is None for one whose copies were never made here."""

    name: str
    created: int
    state: str
    document: str
    parent: str | None = None
    description: str | None = None
    number: int | None = None
    copies: dict[str, str] = field(default_factory=dict)


class Tree:
    """The records of a container. Read without a lock; changed by who holds the container's lock, then ``save``."""

    def __init__(self, directory: str, domain: DomainRef) -> None:
        self.directory = directory
        self.domain = domain
        self.records: dict[str, Record] = {}
        self.current: str | None = None
        self.next = 1
        self._load()

    def _load(self) -> None:
        path = f"{self.directory}/index"
        with reported("read", path):
            try:
                with open(path, "rb") as file:
                    text = file.read()
            except FileNotFoundError:
                return
        try:
            found: dict[str, Any] = json.loads(text)
            self.records = {entry["name"]: Record(**entry) for entry in found["records"]}
            self.current, self.next = found["current"], found["next"]
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"{path} is damaged: {error}", driver="lxc") from error

    def save(self) -> None:
        """Write the index; it is the whole truth about which snapshots there are."""
        make_private_directory(self.directory)
        records = [asdict(record) for record in self.records.values()]
        found = {"current": self.current, "next": self.next, "records": records}
        write_atomic(f"{self.directory}/index", json.dumps(found).encode())

    def get(self, name: str) -> Record:
        """That snapshot. Raises NoSuchSnapshot."""
        if name not in self.records:
            there = ", ".join(self.records) or "none"
            raise NoSuchSnapshot(
                f"{self.domain} has no snapshot {name!r}",
                target=str(self.domain),
                driver="lxc",
                hint=f"snapshots it has: {there}",
            )
        return self.records[name]

    def place(self, record: Record) -> str:
        """The directory of a snapshot's copies."""
        return f"{self.directory}/{record.number}"

    def below(self, name: str | None, *, descendants: bool = False) -> list[Record]:
        """What hangs on ``name`` (None: on nothing), by name; with ``descendants`` each before what hangs on it."""
        found: list[Record] = []
        for record in sorted((one for one in self.records.values() if one.parent == name), key=lambda one: one.name):
            found.append(record)
            if descendants:
                found += self.below(record.name, descendants=True)
        return found

    def take_out(self, name: str, extent: SnapshotExtent) -> list[Record]:
        """Take out a record, all below it, or both; returns what was taken.

        What hung on a removed record hangs on its parent; the nearest ancestor left of the current one is current."""
        record = self.get(name)
        gone = set() if extent is SnapshotExtent.CHILDREN else {name}
        if extent is not SnapshotExtent.ONE:
            gone |= {child.name for child in self.below(name, descendants=True)}
        for child in self.below(name):
            if name in gone and child.name not in gone:
                child.parent = record.parent
        while self.current in gone:
            self.current = self.records[self.current].parent
        return [self.records.pop(doomed) for doomed in gone]

    def sweep(self) -> None:
        """Remove copies that no record names: of a snapshot whose taking or deleting was cut short."""
        known = {str(record.number) for record in self.records.values()}
        with reported("read", self.directory):
            try:
                names = os.listdir(self.directory)
            except FileNotFoundError:
                return
        for name in names:
            if name.isdigit() and name not in known:
                copies.remove(f"{self.directory}/{name}")

    def destroy(self) -> None:
        """Remove everything."""
        copies.remove(self.directory)
