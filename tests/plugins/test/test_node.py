"""Nodes: URIs, files that describe hosts, facts about them, and many threads at once."""

from __future__ import annotations

import threading

import pytest

from polyvisor import model
from polyvisor.errors import InvalidArgument, InvalidDocument, InvalidURI
from polyvisor.spi import DomainState

NODE = """
<node>
  <cpu><nodes>2</nodes><sockets>1</sockets><cores>4</cores><threads>2</threads><active>12</active>
       <mhz>2400</mhz><model>x86_64</model></cpu>
  <memory>16777216</memory>
  <network file="ignored.xml"/>
  {}
</node>
"""
DOMAIN = """
<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
  <name>{}</name><memory>65536</memory><os><type>hvm</type></os>{}
</domain>
"""


@pytest.fixture
def node(connect, tmp_path):
    """Opens a node file with these domains in it."""

    def open_node(*domains):
        path = tmp_path / "node.xml"
        path.write_text(NODE.format("".join(domains)))
        return connect(f"test://{path}")

    return open_node


@pytest.mark.parametrize(
    "uri",
    ["test:///", "test:///nowhere.xml", "test://host/default", "test+ssh:///default", "test:///default?x=1",
     "test:///default?job_seconds=soon"],
)  # fmt: skip
def test_uris_that_name_no_node(connect, uri):
    with pytest.raises(InvalidURI):
        connect(uri)


def test_the_host_is_as_described(node):
    host = node().host_info()
    assert (host.model, host.memory_kib, host.cpus, host.mhz) == ("x86_64", 16777216, 12, 2400)
    assert (host.cells, host.sockets, host.cores, host.threads) == (2, 1, 4, 2)


def test_domains_stand_in_the_file_or_beside_it(node, tmp_path):
    (tmp_path / "web.xml").write_text(DOMAIN.format("web", ""))
    connection = node("<domain file='web.xml'/>", DOMAIN.format("db", ""))
    assert [row.name for row in connection.domains(active=True)] == ["web", "db"]


@pytest.mark.parametrize(
    ("number", "state"),
    [(1, DomainState.RUNNING), (3, DomainState.PAUSED), (5, DomainState.SHUT_OFF), (6, DomainState.CRASHED),
     (7, DomainState.PM_SUSPENDED)],
)  # fmt: skip
def test_domains_begin_in_the_state_the_file_says(node, number, state):
    connection = node(DOMAIN.format("web", f"<test:runstate>{number}</test:runstate>"))
    domain = connection.domain("web")
    assert domain.state().state is state
    assert "runstate" not in domain.xml()


def test_domains_may_be_transient_or_saved(node):
    connection = node(
        DOMAIN.format("brief", "<test:transient/>"),
        DOMAIN.format("kept", "<test:runstate>5</test:runstate><test:hasmanagedsave/>"),
    )
    assert not connection.domain("brief").info().persistent
    assert connection.domain("kept").has_managed_save()
    connection.domain("kept").start()
    assert connection.domain("kept").state().reason == "restored"


@pytest.mark.parametrize(
    "domains",
    [
        [DOMAIN.format("web", "<test:runstate>99</test:runstate>")],
        [DOMAIN.format("web", "<test:runstate>5</test:runstate><test:transient/>")],
        [DOMAIN.format("web", "<test:hasmanagedsave/>")],
        [DOMAIN.format("web", "<test:nonsense/>")],
        [DOMAIN.format("web", ""), DOMAIN.format("web", "")],
        ["<cpu/>"],
        ["<cpux/>"],
    ],
)
def test_nonsense_in_a_node_file_is_refused(node, domains):
    with pytest.raises(InvalidDocument):
        node(*domains)


def test_capabilities_show_cells_and_distances(node):
    found = node().capabilities()
    cells = found.host.topology.cells.cells
    assert [cell.memory.size for cell in cells] == [8388608, 8388608]
    assert [(sibling.id, sibling.value) for sibling in cells[1].distances.siblings] == [(0, 20), (1, 10)]
    assert cells[0].cpus.cpus[3].siblings == "2-3"
    assert cells[1].cpus.cpus[7].siblings is None
    assert {guest.arch.name for guest in found.guests} == {"i686", "x86_64"}
    assert model.parse("capability", str(found)) == found


def test_guest_capabilities(connection):
    found = connection.domain_capabilities(arch="x86_64")
    assert (found.domain, found.arch, found.vcpu.max) == ("test", "x86_64", 32)
    assert model.parse("domaincaps", str(found)) == found
    assert "qemu64" in connection.cpu_models("x86_64")
    with pytest.raises(InvalidArgument, match="kvm"):
        connection.domain_capabilities(domain_type="kvm")
    with pytest.raises(InvalidArgument, match="kvm"):
        connection.max_vcpus(domain_type="kvm")


def test_the_host_says_who_made_it(connection):
    assert "<entry name='product'>Simulated host</entry>" in connection.sysinfo()
    assert connection.hypervisor_type() == "TEST"
    assert connection.alive()


def test_guests_and_huge_pages_take_memory(connection):
    before = connection.free_memory()
    assert before.total == sum(before.cells.values())
    assert connection.allocate_pages({2048: 10}, cells=[0]) == 1
    assert connection.free_memory().cells[0] == before.cells[0] - 10 * 2048 * 1024
    assert connection.free_pages(sizes_kib=[2048]) == {0: {2048: 10}, 1: {2048: 0}}
    assert connection.allocate_pages({1048576: 1000}) == 0
    connection.allocate_pages({2048: 0, 1048576: 0}, add=False)
    connection.domain("test").destroy()
    assert connection.free_memory().total == 3145728 * 1024
    with pytest.raises(InvalidArgument, match="3 KiB"):
        connection.free_pages(sizes_kib=[3])
    with pytest.raises(InvalidArgument, match="cell 9"):
        connection.host_memory_stats(cell=9)


def test_page_merging_can_be_tuned(connection):
    connection.set_memory_parameters({"shm_pages_to_scan": 200})
    assert connection.memory_parameters()["shm_pages_to_scan"] == 200
    with pytest.raises(InvalidArgument, match="shm_pages"):
        connection.set_memory_parameters({"pages": 1})


def test_host_cpus_are_accounted(connection):
    one, all_of_them = connection.host_cpu_stats(cpu=3), connection.host_cpu_stats()
    assert 0 < one.user < all_of_them.user
    with pytest.raises(InvalidArgument, match="CPU 16"):
        connection.host_cpu_stats(cpu=16)


def test_many_threads_at_once_leave_a_sound_node(connection):
    """Each thread runs a guest of its own through its life; names, ids and events stay consistent."""
    failures = []

    def live(number):
        try:
            for turn in range(10):
                domain = connection.define(DOMAIN.format(f"guest-{number}-{turn}", ""))
                domain.start()
                domain.suspend()
                domain.resume()
                domain.destroy()
                domain.undefine()
        except Exception as error:
            failures.append(error)

    with connection.events() as events:
        threads = [threading.Thread(target=live, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        told = {}
        while (event := events.get(timeout=0)) is not None:
            told.setdefault(event.domain.name, []).append(event.event)
    assert len(told) == 40
    order = ["defined", "started", "suspended", "resumed", "stopped", "undefined"]
    assert set(map(tuple, told.values())) == {tuple(order)}
    assert [row.name for row in connection.domains()] == ["test"]
