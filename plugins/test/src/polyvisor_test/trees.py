"""Named records that hang on one another: snapshots and checkpoints of a guest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from polyvisor.operations.snapshots import SnapshotExtent


class Node(Protocol):
    """What hangs in a tree: it has a name and the name of what it hangs on."""

    name: str
    parent: str | None


Record = TypeVar("Record", bound=Node)


class Tree(Generic[Record]):
    """Records by name. A new one hangs on the current one and becomes the current one itself."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self.current: str | None = None

    def __contains__(self, name: object) -> bool:
        return name in self._records

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def get(self, name: str) -> Record | None:
        return self._records.get(name)

    def add(self, record: Record) -> None:
        """Hang a new record on the current one."""
        record.parent = self.current
        self._records[record.name] = record
        self.current = record.name

    def put(self, record: Record, *, current: bool) -> None:
        """Set a record that knows its parent, in the place of one of its name if there is one."""
        self._records[record.name] = record
        if current:
            self.current = record.name

    def free_name(self, wanted: str) -> str:
        """``wanted``, or that with the first number behind it that makes it a free name."""
        name, number = wanted, 1
        while name in self._records:
            name, number = f"{wanted}-{number}", number + 1
        return name

    def below(self, name: str | None, *, descendants: bool = False) -> list[Record]:
        """What hangs on ``name`` (None: on nothing), by name; with ``descendants`` each before what hangs on it."""
        found = []
        for record in sorted((r for r in self._records.values() if r.parent == name), key=lambda r: r.name):
            found.append(record)
            if descendants:
                found += self.below(record.name, descendants=True)
        return found

    def in_order(self) -> list[Record]:
        """Every record, parents before their children, else by name."""
        return self.below(None, descendants=True)

    def remove(self, name: str, extent: SnapshotExtent) -> None:
        """Take out a record, its children with all below them, or both.

        What hung on a removed record hangs on its parent; if the current one goes, its nearest ancestor that is
        left becomes the current one."""
        record = self._records[name]
        gone = set() if extent is SnapshotExtent.CHILDREN else {name}
        if extent is not SnapshotExtent.ONE:
            gone |= {child.name for child in self.below(name, descendants=True)}
        for child in self.below(name):
            if name in gone and child.name not in gone:
                child.parent = record.parent
        while self.current in gone:
            self.current = self._records[self.current].parent
        for doomed in gone:
            del self._records[doomed]

    def clear(self) -> None:
        """Take out everything."""
        self._records.clear()
        self.current = None
