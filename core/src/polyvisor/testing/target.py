"""What the suite has to know about a hypervisor that no operation tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from polyvisor.entrypoints import EntryPoint, installed
from polyvisor.errors import InvalidArgument
from polyvisor.testing.equipment import Parts
from polyvisor.uri import parse_uri

if TYPE_CHECKING:
    from polyvisor.config import Configuration
    from polyvisor.objects.connection import Connection
    from polyvisor.plugins import Plugins

GROUP = "polyvisor.conformance"
"""Entry points of drivers' targets; an entry point's name is the URI scheme."""


def any_name(name: str) -> bool:
    """The default of :attr:`Target.takes_name`."""
    return True


@dataclass(frozen=True, slots=True)
class Target:
    """A hypervisor to be asked, and its limits.

    :param uri: what to open.
    :param document: a small guest that can be defined and started, as a domain document. Its name and UUID do not
        matter: each guest gets its own. Or a function of name and UUID that returns such a document, for guests that
        need something of their own (a disk). None: made from the capabilities that the driver reports.
    :param reset: called with a connection before each test, to bring the hypervisor into a known state. What tests
        define or start is removed without it.
    :param shared: connections to the URI see the same guests.
    :param processes: so do connections of other processes.
    :param local: the hypervisor sees the files of this host; tests that hand it a path are skipped otherwise.
    :param max_guests: how many guests it lets one define at the same time, None for many.
    :param max_running: how many of them may run at the same time, None for many.
    :param banner: what the system inside prints on its console once it is up; empty if it is up at once or has no
        console. Tests that talk to the system inside wait for it, at most ``boot_seconds``.
    :param boot_seconds: how long that takes at most.
    :param answers: the system inside shuts down and reboots when it is asked to.
    :param agent: a guest agent answers inside.
    :param echoes: the system inside sends back what it reads on its console.
    :param channel: one or more ``<channel>`` devices for tests of channels; empty if the guest has none to answer.
    :param parts: devices that tests plug in, where those of :class:`~polyvisor.testing.equipment.Parts` do not fit.
    :param fresh_ids: a guest that is started again has another id.
    :param undefines_running: a guest that runs can be undefined, and runs on; elsewhere that is refused.
    :param separate_copies: a running guest has a live configuration beside the stored one; elsewhere they are one.
    :param real_disks: the images of its guests are files that hold what guests write.
    :param balloons: the system inside gives memory back when it is asked to.
    :param paused_shows: a paused guest still has a picture.
    :param assigned: elements of a document (``{namespace}tag``) that say which of its objects the hypervisor has made
        of the guest. Like an id they are others for a guest that was undefined and defined again.
    :param stored_only: operations with ``affect`` that change nothing of a running guest on this hypervisor.
    :param lacking: capabilities that the driver has and this hypervisor, or the target's guest, has not, each with why:
        a kernel or a tool that does not do it. Tests that need one are skipped.
    :param destination: URI of another host that guests can migrate to; tests of whole migrations need one.
    :param patience: seconds to wait for what ought to happen at once: an event, a state.
    :param takes_name: whether the hypervisor can have a guest of that name; others must be refused with
        UnsupportedConfiguration or InvalidArgument.
    :param plugins: the registry with the driver, for drivers that are not installed.
    :param configuration: settings to open connections with; those of the configuration files do not count.
    """

    uri: str
    document: str | Callable[[str, str], str] | None = None
    reset: Callable[[Connection], None] | None = None
    shared: bool = True
    processes: bool = False
    local: bool = True
    max_guests: int | None = None
    max_running: int | None = None
    banner: bytes = b""
    boot_seconds: float = 60.0
    answers: bool = True
    agent: bool = False
    echoes: bool = True
    channel: str = ""
    parts: Parts = field(default_factory=Parts)
    fresh_ids: bool = True
    undefines_running: bool = True
    separate_copies: bool = True
    real_disks: bool = True
    balloons: bool = True
    paused_shows: bool = True
    assigned: frozenset[str] = frozenset()
    stored_only: frozenset[str] = frozenset()
    lacking: Mapping[str, str] = field(default_factory=dict)
    destination: str | None = None
    patience: float = 20.0
    takes_name: Callable[[str], bool] = any_name
    plugins: Plugins | None = None
    configuration: Configuration | None = None


def find_target(uri: str | None, named: str | None, scratch: Path) -> Target:
    """The target of a URI, of a name ``module:attribute``, or of both; ``scratch`` is a directory for its own use.

    Raises InvalidArgument when there is neither, or when what is named is no target."""
    if named:
        found = _from(EntryPoint("--polyvisor-target", named, "", ""), scratch)
    elif uri:
        scheme = parse_uri(uri).scheme
        points = [point for point in installed(GROUP) if point.name == scheme]
        found = _from(points[0], scratch) if points else Target(uri)
    else:
        raise InvalidArgument(
            "nobody said which driver to ask",
            hint="pass --polyvisor-uri URI or --polyvisor-target MODULE:ATTRIBUTE, or see polyvisor.testing for others",
        )
    return replace(found, uri=uri) if uri else found


def _from(point: EntryPoint, scratch: Path) -> Target:
    if ":" not in point.value:
        raise InvalidArgument(f"{point.value!r} does not name a target", hint="write it as module:attribute")
    try:
        found = point.load()
    except (ImportError, AttributeError) as error:
        raise InvalidArgument(f"the target {point.value} cannot be imported: {error}") from error
    target = found if isinstance(found, Target) else found(scratch)
    if not isinstance(target, Target):
        raise InvalidArgument(f"{point.value} is no polyvisor.testing.Target, nor a function that returns one")
    return target
