"""Configuration and run-time state on disk: where it is, how it is written whole, who may change it now.

Drivers use :class:`Paths`, :class:`ObjectStore` and the locks; nothing here knows any hypervisor.
"""

from polyvisor.state.atomic import write_atomic
from polyvisor.state.disk import DISK, Disk, make_private_directory, reported
from polyvisor.state.listing import Entry
from polyvisor.state.locks import LivenessLock, alive, locked
from polyvisor.state.networks import Networks
from polyvisor.state.paths import Paths, reachable
from polyvisor.state.store import ObjectStore

__all__ = [
    "DISK",
    "Disk",
    "Entry",
    "LivenessLock",
    "Networks",
    "ObjectStore",
    "Paths",
    "alive",
    "locked",
    "make_private_directory",
    "reachable",
    "reported",
    "write_atomic",
]
