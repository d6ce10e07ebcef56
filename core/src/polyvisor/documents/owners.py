"""The installed packages that bring something to documents, found by entry point.

An entry point of the group ``polyvisor.documents`` has the owner's name and, as its value, what the owner brings: a
sequence of :data:`~polyvisor.documents.contributions.Contribution`::

    [project.entry-points."polyvisor.documents"]
    acme = "polyvisor_acme.model:CLASSES"

Nothing is imported before a document has something in it that the core's own declarations do not know.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

from polyvisor.documents.classes import Element
from polyvisor.documents.contributions import Contribution, Unavailable, Word
from polyvisor.documents.contributions import classes as classes_of
from polyvisor.entrypoints import EntryPoint, installed

GROUP = "polyvisor.documents"
"""The group of entry points."""

_DOMAIN = "http://libvirt.org/schemas/domain"
PACKAGES: Mapping[str, str] = {
    f"{_DOMAIN}/bhyve/1.0": "polyvisor-bhyve",
    f"{_DOMAIN}/lxc/1.0": "polyvisor-lxc",
    f"{_DOMAIN}/qemu/1.0": "polyvisor-qemu",
    f"{_DOMAIN}/test/1.0": "polyvisor-test",
    f"{_DOMAIN}/vmware/1.0": "polyvisor-esx",
    f"{_DOMAIN}/xen/1.0": "polyvisor-xen",
    "http://libvirt.org/schemas/network/dnsmasq/1.0": "polyvisor-network",
    "http://libvirt.org/schemas/storagepool/fs/1.0": "polyvisor-storage",
    "http://libvirt.org/schemas/storagepool/rbd/1.0": "polyvisor-storage",
}
"""XML namespaces that we know of, and the distribution that brings each."""

log = logging.getLogger(__name__)


class Owners:
    """The contributions of every installed owner; iterating imports them, once.

    An owner that is blocked or broken contributes an :class:`Unavailable` that says so; a broken one is logged, too.

    :param block: names of owners or distributions that are not asked.
    :param elsewhere: tells of an entry point whether what it brings is for other connections.
    :param find: where entry points come from; the environment unless a test says otherwise.
    """

    def __init__(
        self,
        *,
        block: Iterable[str] = (),
        elsewhere: Callable[[EntryPoint], bool] | None = None,
        find: Callable[[str], list[EntryPoint]] = installed,
    ) -> None:
        self.block = frozenset(block)
        self._elsewhere = elsewhere
        self._find = find
        self._lock = threading.Lock()
        self._loaded: tuple[Contribution, ...] | None = None

    def __iter__(self) -> Iterator[Contribution]:
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    self._loaded = tuple(self._load())
        return iter(self._loaded)

    def _load(self) -> Iterator[Contribution]:
        taken: dict[tuple[str | None, str], type[Element]] = {}
        for point in self._find(GROUP):
            if self._elsewhere is not None and self._elsewhere(point):
                yield Unavailable(point.distribution, "is for connections of its own", elsewhere=True)
                continue
            if point.name in self.block or point.distribution in self.block:
                yield Unavailable(point.distribution, "is blocked by configuration")
                continue
            try:
                brought = _contributions(point)
                _claim(brought, taken)
            except Exception as error:  # whatever importing somebody's module raises
                reason = f"cannot be used: {type(error).__name__}: {error}"
                log.warning("documents of %s: %s %s %s", point.name, point.distribution, point.version, reason)
                yield Unavailable(point.distribution, reason)
                continue
            yield from brought


def _contributions(point: EntryPoint) -> tuple[Contribution, ...]:
    """What an entry point brings; raises whatever loading it raises, and TypeError for what is no contribution."""
    brought = tuple(point.load())
    for each in brought:
        if not isinstance(each, Word) and not (isinstance(each, type) and issubclass(each, Element)):
            raise TypeError(f"{point.value} holds {each!r}, which is neither an Element class nor a Word")
    classes_of(brought)
    return brought


def _claim(brought: Iterable[Contribution], taken: dict[tuple[str | None, str], type[Element]]) -> None:
    """Note the elements of one owner; TypeError when another one has an element of that name there."""
    claimed = {(cls.declaration.extends, cls.declaration.qualified): cls for cls in classes_of(brought)}
    for key, cls in claimed.items():
        if taken.get(key, cls) is not cls:
            raise TypeError(f"<{cls.tag}> in <{key[0]}> is {taken[key].__module__}.{taken[key].__qualname__} already")
    taken.update(claimed)
