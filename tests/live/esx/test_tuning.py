"""What guests may take of hosts and have used, on a simulated host and on a host of a simulated vCenter."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from simulator import Simulator
from trouble import Trouble

import polyvisor
from polyvisor.errors import InvalidArgument, InvalidState, UnsupportedConfiguration
from polyvisor.objects.domain import Domain
from polyvisor.operations.statistics import StatsGroup
from polyvisor.operations.tuning import Bandwidth
from polyvisor_esx import closing

pytestmark = pytest.mark.live

GUEST = """<domain type='vmware'><name>tuned</name><memory unit='MiB'>64</memory><vcpu>{vcpus}</vcpu>{more}
<os><type arch='x86_64'>hvm</type></os></domain>"""


@pytest.fixture
def define(connection: polyvisor.Connection) -> Iterator[Callable[..., Domain]]:
    """Defines a guest that goes when the test ends."""
    made: list[Domain] = []

    def defined(more: str = "", vcpus: int = 1) -> Domain:
        made.append(connection.define(GUEST.format(more=more, vcpus=vcpus)))
        return made[-1]

    yield defined
    for each in made[:1]:
        if each.is_active:
            each.destroy()
        each.undefine()


def ready(connection: polyvisor.Connection) -> Domain:
    """A guest of the simulator's own: it has a disk and a card, and runs."""
    rows = connection.list_domains(active=True)
    return connection.domain(name=next(row.name for row in rows if "VM" in row.name))


def card(guest: Domain) -> str:
    config = guest.config()
    assert config.devices is not None
    return str(config.devices.interfaces[0].mac.address)


# -- CPUs and NUMA nodes ------------------------------------------------------------------------------------------


def test_a_pin_is_the_cpuset_of_the_document(define: Callable[..., Domain]) -> None:
    guest = define()
    guest.pin_vcpu(0, {1})
    assert "cpuset='1'" in guest.xml()
    assert guest.vcpu_pins() == {0: {1}}
    guest.pin_vcpu(0, None)
    assert "cpuset" not in guest.xml()


def test_several_vcpus_are_bound_by_the_document_only(define: Callable[..., Domain]) -> None:
    guest = define(vcpus=2)
    with pytest.raises(InvalidArgument, match="as a whole"):
        guest.pin_vcpu(0, {1})
    bound = guest.connection.define(guest.xml().replace("placement='static'", "placement='static' cpuset='0-1'"))
    assert bound.vcpu_pins() == {0: {0, 1}, 1: {0, 1}}


def test_nodes_are_in_the_document_and_change_until_it_runs(define: Callable[..., Domain]) -> None:
    guest = define("<numatune><memory mode='strict' nodeset='0'/></numatune>")
    assert guest.numa_parameters().nodeset == {0}
    guest.set_numa_parameters(nodeset=set())
    assert "numatune" not in guest.xml()
    guest.set_numa_parameters(nodeset={0})
    assert "<memory mode='strict' nodeset='0'/>" in guest.xml()
    guest.start()
    with pytest.raises(InvalidState, match="moves no running guest"):
        guest.set_numa_parameters(nodeset=set())


def test_a_node_that_the_host_has_not_is_refused(define: Callable[..., Domain]) -> None:
    guest = define()
    with pytest.raises(InvalidArgument, match="no cell 7"):
        guest.set_numa_parameters(nodeset={7})


def test_cells_of_the_host_have_all_of_its_cpus_and_memory(connection: polyvisor.Connection) -> None:
    topology = connection.capabilities().host.topology
    assert topology is not None and topology.cells is not None
    (cell,) = topology.cells.cells
    assert {cpu.id for cpu in cell.cpus.cpus} == connection.cpu_map().online
    assert all(cpu.socket_id is not None and cpu.siblings for cpu in cell.cpus.cpus)
    assert cell.memory.size == connection.host_info().memory_kib


# -- what was used ------------------------------------------------------------------------------------------------


def test_what_a_guest_has_used_since_its_start_is_told_one_by_one_and_in_the_table(
    define: Callable[..., Domain],
) -> None:
    mac = "00:50:56:12:34:56"
    guest = define(
        f"<devices><interface type='bridge'><mac address='{mac}'/><source bridge='VM Network'/></interface></devices>"
    )
    guest.start()
    times, traffic, disks = guest.cpu_stats(), guest.interface_stats(mac), guest.block_stats()
    (row,) = guest.connection.domain_stats(domains=[guest.ref])
    assert row.values["cpu.time"] >= times.total.total_ns
    assert row.values["net.0.rx.pkts"] >= (traffic.rx_packets or 0) >= 0
    assert disks.read_bytes == 0, "it has no disks"


def test_figures_of_all_guests_take_a_fixed_number_of_requests(connection: polyvisor.Connection) -> None:
    session: Any = connection._invoker.session
    connection.domain_stats(groups=[StatsGroup.CPU, StatsGroup.BLOCK])
    before = session.transport.calls
    assert connection.domain_stats(groups=[StatsGroup.CPU, StatsGroup.BLOCK])
    assert session.transport.calls - before == 3, "properties, the clock, samples"


def test_the_host_works_and_rests(connection: polyvisor.Connection) -> None:
    found = connection.host_cpu_stats()
    assert found.user + found.idle <= 3600 * connection.host_info().cpus * 10**9


# -- disks and networks -------------------------------------------------------------------------------------------


def test_disks_of_a_guest_are_weighed(connection: polyvisor.Connection) -> None:
    guest = ready(connection)
    written = str(guest.blkio_parameters().values["device_weight"])
    name = written.rpartition(",")[0]
    guest.set_blkio_parameters({"device_weight": f"{name},777"})
    assert guest.blkio_parameters().values["device_weight"] == f"{name},777"
    guest.set_block_io_tune("sda", {"total_iops_sec": 500})
    assert guest.blkio_parameters().values["device_weight"] == f"{name},777"
    guest.set_blkio_parameters({"device_weight": f"{name},0"})
    assert guest.blkio_parameters().values["device_weight"] == written
    assert guest.block_io_tune("sda").values["total_iops_sec"] == 500
    guest.set_block_io_tune("sda", {"total_iops_sec": 0})


def test_a_card_on_a_switch_without_control_is_not_limited(connection: polyvisor.Connection) -> None:
    guest = ready(connection)
    with pytest.raises(UnsupportedConfiguration, match=r"limits no single card|no network I/O control"):
        guest.set_interface_bandwidth(card(guest), outbound=Bandwidth(1000))
    assert guest.interface_bandwidth(card(guest)).outbound is None


def controlled(name: str, request: bytes, answer: bytes) -> bytes:
    """A switch whose network I/O control is switched on; the simulator's have none."""
    if name != "RetrievePropertiesEx" or b"networkResourceControlVersion" not in request:
        return answer
    properties = b"".join(
        b"<propSet><name>config.%s</name><val xsi:type='xsd:%s'>%s</val></propSet>" % each
        for each in (
            (b"networkResourceManagementEnabled", b"boolean", b"true"),
            (b"networkResourceControlVersion", b"string", b"version3"),
        )
    )
    switch = answer[answer.index(b"<obj ") : answer.index(b"</obj>") + 6]
    return answer[: answer.index(b"<obj ")] + switch + properties + answer[answer.rindex(b"</objects>") :]


def test_a_card_on_a_switch_with_control_is(start_simulator: Callable[[str], Simulator]) -> None:
    trouble = Trouble(start_simulator("vpx"))
    trouble.rewrite = controlled
    try:
        with polyvisor.open(trouble.uri, credentials=trouble.server.credentials) as connection:
            guest = ready(connection)
            guest.set_interface_bandwidth(card(guest), outbound=Bandwidth(15625))
            assert guest.interface_bandwidth(card(guest)).outbound == Bandwidth(15625)
            guest.set_interface_bandwidth(card(guest), outbound=Bandwidth())
            assert guest.interface_bandwidth(card(guest)).outbound is None
    finally:
        trouble.stop()


# -- what is wrong ------------------------------------------------------------------------------------------------


def test_a_question_stands_against_a_guest(connection: polyvisor.Connection, server: Simulator) -> None:
    guest = ready(connection)
    assert guest.messages() == [] and guest.disk_errors() == {}
    session: Any = connection._invoker.session
    server.ask(session.vm(guest.ref)._GetMoId(), "There is no more space.", ["Retry", "Abort"])
    assert guest.messages() == ["tainted: it waits for an answer: There is no more space."]
    from polyvisor_esx import questions

    questions.answer(session, guest.ref, "0")
    assert guest.messages() == []


def test_a_server_that_goes_is_told_to_who_wants_to_know(
    start_simulator: Callable[[str], Simulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "EVERY", 0.02)
    trouble = Trouble(start_simulator("esx"))
    told: queue.Queue[str] = queue.Queue()
    connection = polyvisor.open(trouble.uri, credentials=trouble.server.credentials)
    try:
        connection.watch_close(told.put)
        trouble.make = lambda name: "drop"
        assert "CurrentTime" in told.get(timeout=20)
        trouble.make = lambda name: ""
        assert connection.list_domains(), "the connection mends itself when the server is back"
        connection.watch_close(None)
    finally:
        connection.close()
        trouble.stop()
    assert told.empty()
