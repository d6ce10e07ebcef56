"""Opening ``test:///`` URIs and asking about the connection."""

from __future__ import annotations

from pathlib import Path

from polyvisor.errors import InvalidURI
from polyvisor.operations.connection import Security, Version
from polyvisor.spi import URI, ConnectContext, hookimpl
from polyvisor_test.session import TestSession


class ConnectionOperations:
    """The operations of ``polyvisor.operations.connection``."""

    @hookimpl
    def connect(self, uri: URI, context: ConnectContext) -> TestSession:
        from polyvisor_test.nodefile import default_node, read_node

        uri.reject_unknown_options("job_seconds")
        if uri.host or uri.transport or uri.user:
            raise InvalidURI(f"{uri} names another host; the test driver has only this process", hint="test:///default")
        if uri.path in ("", "/"):
            raise InvalidURI(f"{uri} names no node", hint="use test:///default or test:///path/to/node.xml")
        node = default_node() if uri.path == "/default" else read_node(Path(uri.path))
        return TestSession(uri, context, node, _job_seconds(uri, context))

    @hookimpl
    def hypervisor_type(self, session: TestSession) -> str:
        return "TEST"

    @hookimpl
    def version(self, session: TestSession) -> Version:
        from importlib.metadata import version

        text = version("polyvisor-test")
        numbers = [int(part) for part in text.split(".")[:3] if part.isdigit()]
        major, minor, micro = [*numbers, 0, 0, 0][:3]
        return Version(major, minor, micro, text)

    @hookimpl
    def security(self, session: TestSession) -> Security:
        return Security(encrypted=False, secure=True)

    @hookimpl
    def alive(self, session: TestSession) -> bool:
        return session.open


def _job_seconds(uri: URI, context: ConnectContext) -> float:
    """How long jobs take: what the URI says, else the configuration, else no time."""
    said = uri.option("job_seconds") or context.settings.get("job_seconds", 0)
    try:
        seconds = float(said)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise InvalidURI(f"job_seconds is {said!r}; it must be a number from 0 to 3600")
    return seconds
