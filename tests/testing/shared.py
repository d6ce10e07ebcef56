"""The in-memory driver with one host for all connections, as most hypervisors have it."""

from __future__ import annotations

from dataclasses import replace

from polyvisor.spi import URI, ConnectContext, Event, hookimpl
from polyvisor_test.conformance import target
from polyvisor_test.driver import TestDriver
from polyvisor_test.node import Node
from polyvisor_test.nodefile import default_node
from polyvisor_test.session import TestSession
from polyvisor_test.transitions import DESTROY


class SharedSession(TestSession):
    """A connection to the one host; what any of them does is told to all."""

    def __init__(self, uri: URI, context: ConnectContext, node: Node, sessions: list[SharedSession]) -> None:
        super().__init__(uri, context, node)
        self.told = context.events
        self.sessions = sessions
        self.sessions.append(self)
        self.events = self.tell_all

    def tell_all(self, event: Event) -> None:
        for session in self.sessions:
            session.told(event)

    def close(self) -> None:
        with self.node.lock:
            for uuid in sorted(self.autodestroyed):
                self.power_off(self.node.machines[uuid], DESTROY)
            self.descriptors.close()
            self.sessions.remove(self)


class SharedDriver(TestDriver):
    """Holds the host that its sessions share."""

    def __init__(self) -> None:
        self.node = default_node()
        self.sessions: list[SharedSession] = []

    @hookimpl
    def connect(self, uri: URI, context: ConnectContext) -> SharedSession:
        return SharedSession(uri, context, self.node, self.sessions)


SHARED = replace(target, shared=True)
