"""Nodes: the default one, and those that files describe.

A node file is the XML document of libvirt's test driver::

    <node>
      <cpu>
        <nodes>2</nodes><sockets>2</sockets><cores>4</cores><threads>2</threads>
        <active>32</active><mhz>2400</mhz><model>x86_64</model>
      </cpu>
      <memory>16777216</memory>
      <domain file="web.xml"/>
      <domain type="test" xmlns:test="http://libvirt.org/schemas/domain/test/1.0">
        <name>db</name> ... <test:runstate>5</test:runstate>
      </domain>
    </node>

Domains run unless ``<test:runstate>`` says otherwise. Networks, pools and devices of the file are for drivers of
those objects; they are passed over here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.documents import Element, child, element, value
from polyvisor.documents import datatypes as dt
from polyvisor.errors import HostError, InvalidDocument, InvalidURI
from polyvisor.spi import DomainState, StateInfo
from polyvisor_test.guestsystem import GuestSystem
from polyvisor_test.images import SavedGuest
from polyvisor_test.machine import Machine
from polyvisor_test.node import HostDescription, Node

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

OBJECTS = ("domain", "network", "interface", "pool", "device")
"""Children of ``<node>`` that are documents of their own."""

DEFAULT_UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"
"""UUID of the guest of ``test:///default``."""


@element("cpu")
class NodeCpu(Element):
    """The processors: NUMA cells, sockets in each, cores in each of those, threads in each of those; MHz."""

    nodes: int | None = value(dt.POSITIVE)
    sockets: int | None = value(dt.POSITIVE)
    cores: int | None = value(dt.POSITIVE)
    threads: int | None = value(dt.POSITIVE)
    active: int | None = value(dt.POSITIVE)
    mhz: int | None = value(dt.POSITIVE)
    model: str | None = value(dt.NAME)


@element("node")
class NodeDocument(Element):
    """A host; ``memory`` in KiB. What it does not say is as on the default host."""

    cpu: NodeCpu | None = child()
    memory: int | None = value(dt.POSITIVE)


def default_node() -> Node:
    """The node of ``test:///default``: one running guest."""
    from polyvisor.model.domain.completion import complete

    node = Node()
    add_machine(node, complete(_default_guest()), DomainState.RUNNING)
    return node


def read_node(path: Path) -> Node:
    """The node that the file describes; raises InvalidURI when there is none, InvalidDocument for a bad one."""
    from polyvisor.documents import read

    tree = _parse(path)
    objects = [child for child in tree if child.tag in OBJECTS]
    for found in objects:
        tree.remove(found)
    node = Node(_host(read(tree, NodeDocument)))
    for found in objects:
        if found.tag == "domain":
            _add_domain(node, _parse(path.parent / found.get("file")) if found.get("file") else found)
    return node


def add_machine(node: Node, config: Domain, state: DomainState, *, transient: bool = False) -> Machine:
    """Put a guest into the node as it is found, without telling anybody."""
    name, uuid = config.name, UUID(str(config.uuid))
    if node.named(name) is not None or uuid in node.machines:
        raise InvalidDocument(f"there are two domains called {name!r}, or two with the UUID {uuid}")
    machine = node.machines[uuid] = Machine(uuid, name)
    config.id = None
    machine.stored = None if transient else config
    if state is not DomainState.SHUT_OFF:
        machine.live = config.copy()
        machine.id = machine.live.id = node.next_id()
        node.plug_in(machine.live)
        machine.system = GuestSystem(name)
    machine.state = StateInfo(state, "booted" if state is DomainState.RUNNING else "unknown")
    if state is DomainState.RUNNING:
        machine.vitals.run(node.clock)
    return machine


def _parse(path: Path) -> Any:
    """The parsed file, an lxml element."""
    from polyvisor.documents.parsing import parse

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InvalidURI(f"there is no file {path}", hint="test:///default needs none") from None
    except OSError as error:
        raise HostError(f"cannot read {path}: {error.strerror}", target=str(path)) from error
    return parse(content)


def _host(document: NodeDocument) -> HostDescription:
    """The host of a node file; ``active`` CPUs are all of them unless it says fewer."""
    said = {"memory_kib": document.memory} if document.memory else {}
    cpu = document.cpu or NodeCpu()
    names = {"nodes": "cells", "sockets": "sockets", "cores": "cores", "threads": "threads", "mhz": "mhz"}
    said |= {name: found for field, name in names.items() if (found := getattr(cpu, field)) is not None}
    host = HostDescription(**said, model=cpu.model or HostDescription().model)
    active = cpu.active or host.cpus
    if active > host.cpus:
        raise InvalidDocument(f"{active} CPUs cannot be active on a host that has {host.cpus}")
    return host.with_active(active)


def _add_domain(node: Node, tree: Any) -> None:
    from polyvisor import documents
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.completion import complete
    from polyvisor_test.documents import EXTENSIONS, RUN_STATES, HasManagedSave, RunState, TransientDomain

    config = documents.read(tree, Domain, contributions=EXTENSIONS)
    said = {type(extension) for extension in config.extensions}
    number = next((each.number for each in config.extensions if isinstance(each, RunState)), 1)
    config.extensions = [each for each in config.extensions if not isinstance(each, EXTENSIONS)]
    if number not in RUN_STATES:
        raise InvalidDocument(f"{number} is not the number of a state that domain {config.name!r} could rest in")
    state = RUN_STATES[number]
    transient, saved = TransientDomain in said, HasManagedSave in said
    if state is DomainState.SHUT_OFF and transient:
        raise InvalidDocument(f"the transient domain {config.name!r} cannot be shut off: it would not be there")
    if saved and (state is not DomainState.SHUT_OFF or transient):
        raise InvalidDocument(f"domain {config.name!r} has been saved, so it must be persistent and shut off")
    machine = add_machine(node, complete(config), state, transient=transient)
    if saved:
        machine.managed_save = SavedGuest(machine.config.copy(), paused=False, seconds=0)


def _default_guest() -> Domain:
    """The guest of the default node, before completion."""
    from polyvisor.model import domain as d
    from polyvisor.model.domain.devices.chardev import NamedChannel
    from polyvisor.units import GiB
    from polyvisor_test.machine import AGENT_CHANNEL

    return d.Domain(
        type=d.DomainType.TEST,
        name="test",
        uuid=DEFAULT_UUID,
        memory=GiB(8),
        current_memory=GiB(2),
        vcpu=2,
        os=d.OperatingSystem(type=d.GuestType(value=d.OsType.HVM, arch="i686"), boot=[d.Boot(dev=d.BootDevice.HD)]),
        devices=[
            d.Disk.file("/guest/diskimage1", target="vda"),
            d.Interface.network("default", mac="aa:bb:cc:dd:ee:ff", model=None),
            d.Console(type=d.CharacterType.PTY),
            d.Channel(type=d.CharacterType.UNIX, target=NamedChannel(type="virtio", name=AGENT_CHANNEL)),
            d.Memballoon(model="virtio"),
        ],
    )
