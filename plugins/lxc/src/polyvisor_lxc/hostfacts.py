"""What the driver says of LXC and the host."""

from __future__ import annotations

from polyvisor.operations.connection import Version
from polyvisor_lxc import tools
from polyvisor_lxc.session import LxcSession


def version(session: LxcSession) -> Version:
    """liblxc's version."""
    return Version(*tools.version(), text="LXC")


def alive(session: LxcSession) -> bool:
    """Whether containers could be managed now: the directories can be read and LXC is there."""
    return session.readable() and tools.present()
