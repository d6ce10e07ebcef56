"""What a connection tells about its host adds up, whichever way one asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor import model
from polyvisor.documents import write
from polyvisor.errors import InvalidArgument, PolyvisorError, UnsupportedConfiguration
from polyvisor.operations.host import SecurityModel
from polyvisor.operations.lifecycle import SuspendTarget
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection

NOWHERE = 1_000_000
"""Number of a CPU and of a cell that no host has."""


@needs("host.hostname")
def test_a_host_has_a_name(connection: Connection) -> None:
    name = connection.hostname()
    assert name and name == name.strip() and not set(name) & set(" \n/")
    assert connection.hostname() == name


@needs("host.info")
def test_a_host_has_cpus_and_memory(connection: Connection) -> None:
    host = connection.host_info()
    assert host.cpus >= 1 and host.memory_kib > 0 and host.mhz >= 0 and host.model


@needs("host.info")
def test_the_topology_has_room_for_every_cpu(connection: Connection) -> None:
    host = connection.host_info()
    assert min(host.cells, host.sockets, host.cores, host.threads) >= 1
    assert host.cells * host.sockets * host.cores * host.threads >= host.cpus


@needs("host.cpu-map")
def test_cpus_that_are_online_are_present(connection: Connection) -> None:
    found = connection.cpu_map()
    assert found.online and len(found.online) <= found.present
    assert min(found.online) >= 0


@needs("host.cpu-map", "host.info")
def test_the_online_cpus_are_those_that_are_counted(connection: Connection) -> None:
    assert len(connection.cpu_map().online) == connection.host_info().cpus


@needs("host_cpu_stats(cpu)", "host.cpu-map")
def test_cpu_times_of_one_are_part_of_those_of_all(connection: Connection) -> None:
    online = connection.cpu_map().online
    one = connection.host_cpu_stats(cpu=min(online))
    every = connection.host_cpu_stats()
    assert 0 <= one.idle <= every.idle + one.idle
    assert one.user <= every.user and one.kernel <= every.kernel


@needs("host.cpu-stats")
def test_cpu_times_do_not_run_backwards(connection: Connection) -> None:
    before, after = connection.host_cpu_stats(), connection.host_cpu_stats()
    assert before.user <= after.user and before.kernel <= after.kernel
    assert min(before.user, before.kernel, before.idle, before.iowait, before.interrupt) >= 0


@needs("host_cpu_stats(cpu)")
@pytest.mark.parametrize("cpu", [NOWHERE, -1])
def test_a_cpu_that_is_not_there_has_no_times(connection: Connection, cpu: int) -> None:
    with pytest.raises(InvalidArgument):
        connection.host_cpu_stats(cpu=cpu)


@needs("host.mem-stats")
def test_free_memory_is_part_of_all(connection: Connection) -> None:
    found = connection.host_memory_stats()
    assert 0 <= found.free <= found.total
    assert all(part is None or 0 <= part <= found.total for part in (found.buffers, found.cached))


@needs("host.mem-stats", "host.info")
def test_memory_is_the_same_whoever_tells(connection: Connection) -> None:
    assert connection.host_memory_stats().total == connection.host_info().memory_kib


@needs("host_memory_stats(cell)", "host.free-mem")
def test_cells_have_the_memory_of_the_host(connection: Connection) -> None:
    cells = [connection.host_memory_stats(cell=cell) for cell in connection.free_memory().cells]
    assert all(0 <= cell.free <= cell.total for cell in cells)
    assert sum(cell.total for cell in cells) <= connection.host_memory_stats().total * 1.01


@needs("host_memory_stats(cell)")
@pytest.mark.parametrize("cell", [NOWHERE, -7])
def test_a_cell_that_is_not_there_has_no_memory(connection: Connection, cell: int) -> None:
    with pytest.raises(InvalidArgument):
        connection.host_memory_stats(cell=cell)


@needs("host.free-mem", "host.info")
def test_free_memory_is_bytes(connection: Connection) -> None:
    free = connection.free_memory()
    assert 0 < free.total <= connection.host_info().memory_kib * 1024
    assert all(0 <= cell <= free.total * 1.01 + (1 << 30) for cell in free.cells.values())


@needs("host.free-mem", "host.info")
def test_free_memory_is_told_for_each_cell(connection: Connection) -> None:
    cells = connection.free_memory().cells
    assert not cells or len(cells) == connection.host_info().cells


@needs("host.huge-pages")
def test_page_sizes_are_whole_kib_in_every_cell(connection: Connection) -> None:
    for sizes in connection.free_pages().values():
        assert all(size > 0 and size & (size - 1) == 0 and count >= 0 for size, count in sizes.items())


@needs("free_pages(sizes_kib, cells)")
def test_pages_are_told_for_the_sizes_and_cells_asked_for(connection: Connection) -> None:
    everything = connection.free_pages()
    cell, size = next((cell, next(iter(sizes))) for cell, sizes in everything.items() if sizes)
    assert {key: set(sizes) for key, sizes in connection.free_pages(sizes_kib=[size], cells=[cell]).items()} == {
        cell: {size}
    }


@needs("free_pages(sizes_kib)")
def test_a_page_size_that_is_none_is_refused(connection: Connection) -> None:
    with pytest.raises(InvalidArgument):
        connection.free_pages(sizes_kib=[3])


@needs("free_pages(cells)")
def test_pages_of_a_cell_that_is_not_there_are_refused(connection: Connection) -> None:
    with pytest.raises(InvalidArgument):
        connection.free_pages(cells=[NOWHERE])


@needs("host.huge-pages.set")
def test_pages_of_no_known_size_are_not_reserved(connection: Connection) -> None:
    with pytest.raises(InvalidArgument):
        connection.allocate_pages({3: 1})


@needs("host.ksm-params")
def test_memory_parameters_have_known_names(connection: Connection) -> None:
    found = connection.memory_parameters()
    assert all(name.startswith("shm_") and isinstance(value, int) for name, value in found.items())


@needs("host.ksm-params.set", "host.ksm-params")
def test_a_memory_parameter_of_no_known_name_changes_nothing(connection: Connection) -> None:
    before = set(connection.memory_parameters())
    with pytest.raises(InvalidArgument):
        connection.set_memory_parameters({"shm_colour": 1})
    assert set(connection.memory_parameters()) == before


@needs("host.ksm-params.set", "host.ksm-params")
def test_memory_parameters_are_set(connection: Connection) -> None:
    name = "shm_pages_to_scan"
    before = connection.memory_parameters().get(name)
    if before is None:
        pytest.skip("the host merges no memory")
    try:
        connection.set_memory_parameters({name: before + 1})
        assert connection.memory_parameters()[name] == before + 1
    finally:
        connection.set_memory_parameters({name: before})


@needs("host.max-vcpus")
def test_a_guest_may_have_vcpus(connection: Connection) -> None:
    assert connection.max_vcpus() >= 1


@needs("max_vcpus(domain_type)")
def test_a_type_that_is_none_has_no_vcpus(connection: Connection) -> None:
    with pytest.raises(InvalidArgument):
        connection.max_vcpus(domain_type="no-such-type")


@needs("max_vcpus(domain_type)", "caps.host")
def test_every_type_of_guest_may_have_vcpus(connection: Connection) -> None:
    types = {domain.type for guest in connection.capabilities().guests for domain in guest.arch.domains}
    assert all(connection.max_vcpus(domain_type=kind) >= 1 for kind in types)


@needs("host.sysinfo")
def test_the_hosts_identity_is_a_document(connection: Connection) -> None:
    from lxml import etree

    found = etree.fromstring(connection.sysinfo())
    assert found.tag == "sysinfo" and found.get("type")


@needs("host.security-model")
def test_security_models_have_names(connection: Connection) -> None:
    found = connection.security_models()
    assert all(isinstance(each, SecurityModel) and each.model for each in found)
    assert len({each.model for each in found}) == len(found)


@needs("host.sev-info")
def test_a_host_without_sev_says_so(connection: Connection) -> None:
    try:
        found = connection.sev_info()
    except UnsupportedConfiguration as refusal:
        assert "sev" in refusal.message.lower()
    else:
        assert found


@needs("host.suspend")
def test_a_host_does_not_sleep_for_less_than_a_minute(connection: Connection) -> None:
    with pytest.raises(PolyvisorError):
        connection.suspend_host(SuspendTarget.MEMORY, 1)


@needs("host.device-assign")
def test_a_host_device_that_is_not_there_is_not_given_away(connection: Connection) -> None:
    with pytest.raises(PolyvisorError):
        connection.assign_host_device("pci_ffff_ff_1f_7", "detach")


@needs("host.device-assign")
def test_a_host_device_is_not_danced_with(connection: Connection) -> None:
    with pytest.raises(InvalidArgument):
        connection.assign_host_device("pci_0000_00_00_0", "dance")


# -- capabilities -----------------------------------------------------------------------------------------------


@needs("caps.host")
def test_capabilities_are_a_valid_document(connection: Connection) -> None:
    found = connection.capabilities()
    assert write(model.parse("capability", write(found))) == write(found)


@needs("caps.host", "host.info")
def test_capabilities_have_the_cpus_of_the_host(connection: Connection) -> None:
    host = connection.capabilities().host
    if host.topology is None or host.topology.cells is None:
        pytest.skip("the hypervisor tells nothing about cells")
    cells = list(host.topology.cells.cells)
    assert len(cells) == connection.host_info().cells
    assert sum(len(cell.cpus.cpus) for cell in cells if cell.cpus) >= connection.host_info().cpus


@needs("caps.host")
def test_capabilities_name_the_guests_that_can_run(bench: Bench, connection: Connection) -> None:
    types = {str(domain.type) for guest in connection.capabilities().guests for domain in guest.arch.domains}
    bench.need("domain.xml")
    assert str(bench.define().config().type) in types


@needs("caps.host")
def test_capabilities_are_the_callers_own(connection: Connection) -> None:
    found = connection.capabilities()
    before = write(found)
    found.guests.clear()
    assert write(connection.capabilities()) == before


@needs("caps.domain")
def test_capabilities_of_domains_are_a_valid_document(connection: Connection) -> None:
    found = connection.domain_capabilities()
    assert write(model.parse("domaincaps", write(found))) == write(found)


@needs("domain_capabilities(arch, domain_type)", "caps.host")
def test_every_combination_that_is_named_has_capabilities(connection: Connection) -> None:
    for guest in connection.capabilities().guests:
        for domain in guest.arch.domains:
            found = connection.domain_capabilities(arch=str(guest.arch.name), domain_type=str(domain.type))
            assert (str(found.domain), str(found.arch)) == (str(domain.type), str(guest.arch.name))


@needs("domain_capabilities(arch)")
def test_an_architecture_that_is_none_has_no_capabilities(connection: Connection) -> None:
    with pytest.raises((InvalidArgument, UnsupportedConfiguration)):
        connection.domain_capabilities(arch="no-such-arch")


@needs("domain_capabilities(domain_type)")
def test_a_domain_type_that_is_none_has_no_capabilities(connection: Connection) -> None:
    with pytest.raises((InvalidArgument, UnsupportedConfiguration)):
        connection.domain_capabilities(domain_type="no-such-type")


@needs("domain_capabilities(machine)")
def test_a_machine_that_is_none_has_no_capabilities(connection: Connection) -> None:
    with pytest.raises((InvalidArgument, UnsupportedConfiguration)):
        connection.domain_capabilities(machine="no-such-machine")
