"""Facts read from recorded hosts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyvisor.errors import HostError, InvalidArgument
from polyvisor.host import Host, can_create_vm
from polyvisor.host.cpuinfo import parse_cpuinfo
from polyvisor.host.cpulist import format_cpu_list, parse_cpu_list
from polyvisor.host.cputimes import parse_cpu_times
from polyvisor.host.kvm import refusal
from polyvisor.host.power import has_iommu, suspend_targets
from polyvisor.host.records import CpuTimes

Record = Callable[..., Host]
Files = dict[str, object]
CPUS, NODES = "sys/devices/system/cpu", "sys/devices/system/node"


@given(st.sets(st.integers(0, 5000)))
def test_cpu_lists_are_read_as_they_are_written(numbers: set[int]) -> None:
    assert parse_cpu_list(format_cpu_list(numbers)) == tuple(sorted(numbers))


@pytest.mark.parametrize(("numbers", "text"), [([], ""), ([3], "3"), ([1, 0], "0-1"), ([0, 2, 3, 4, 9], "0,2-4,9")])
def test_cpu_lists_are_short(numbers: list[int], text: str) -> None:
    assert format_cpu_list(numbers) == text


def test_a_regular_host_is_told_by_its_shape(record: Record, two_cells: Files) -> None:
    info = record(two_cells).info()
    assert (info.cells, info.sockets, info.cores, info.threads) == (2, 1, 2, 2)
    assert (info.cpus, info.mhz, info.memory_kib, info.model) == (7, 2100, 8388608, "x86_64")


def test_an_irregular_host_is_told_as_one_socket_of_cores(record: Record, two_cells: Files) -> None:
    two_cells[f"{CPUS}/cpu0/topology/core_id"] = 9
    info = record(two_cells).info()
    assert (info.cells, info.sockets, info.cores, info.threads) == (1, 1, 8, 1)


def test_a_host_without_numa_has_one_cell(record: Record) -> None:
    host = record(
        {
            f"{CPUS}/online": "0-1",
            **{f"{CPUS}/cpu{number}/topology/thread_siblings_list": "0-1" for number in (0, 1)},
            "proc/meminfo": "MemTotal: 1048576 kB\nMemFree: 1000 kB",
            "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": 2,
        }
    )
    (cell,) = host.cells
    assert (cell.id, cell.cpus, cell.memory_kib, cell.distances) == (0, (0, 1), 1048576, {})
    assert [(pool.size_kib, pool.total) for pool in cell.pages][1:] == [(2048, 2)]
    assert host.info().threads == 2


def test_a_host_that_tells_nothing_has_nothing_made_up(record: Record) -> None:
    host = record({})
    assert host.cpus.present == ()
    assert host.cpu.model is None
    assert host.uuid is None
    assert host.info().mhz == 0
    assert host.memory_parameters() == {}


def test_cells_have_memory_pages_and_distances(record: Record, two_cells: Files) -> None:
    first, second = record(two_cells).cells
    assert (first.memory_kib, first.distances, second.distances) == (4194304, {0: 10, 1: 21}, {0: 21, 1: 10})
    small, huge = first.pages
    assert (huge.size_kib, huge.total, huge.free) == (2048, 512, 100)
    assert small.total * small.size_kib == 4194304 - 512 * 2048, "huge pages are not counted twice"


def test_an_offline_cpu_has_no_place(record: Record, two_cells: Files) -> None:
    host = record(two_cells)
    assert 7 not in host.topology
    assert host.topology[5] == (5, 1, 0, 0, 0, (4, 5))
    assert (host.cpu_map().present, host.cpu_map().online) == (8, frozenset(range(7)))


def test_the_offline_threads_of_a_power_host_count_for_guests(record: Record) -> None:
    online = (0, 8, 16)
    files: Files = {f"{CPUS}/online": "0,8,16", f"{CPUS}/present": "0-31"}
    for number in range(32):
        files[f"{CPUS}/cpu{number}/online"] = int(number in online)
    for number in online:
        base = f"{CPUS}/cpu{number}/topology"
        files |= {f"{base}/core_id": number, f"{base}/thread_siblings_list": number, f"{base}/physical_package_id": 0}
    info = record(files, "ppc64le").info()
    assert info.cpus == 24


def test_memory_is_told_for_the_host_and_for_a_cell(record: Record, two_cells: Files) -> None:
    host = record(two_cells)
    assert (host.memory_stats().total, host.memory_stats().buffers, host.memory_stats().cached) == (8388608, 100, 200)
    assert (host.memory_stats(1).free, host.memory_stats(1).buffers) == (2097152, None)
    assert host.free_memory().total == 4194304 * 1024
    assert host.free_memory().cells == {0: 2**31, 1: 2**31}
    with pytest.raises(InvalidArgument, match="no NUMA cell 2") as caught:
        host.memory_stats(2)
    assert caught.value.hint == "it has 0, 1"


def test_free_pages_by_cell_and_size(record: Record, two_cells: Files) -> None:
    host = record(two_cells)
    assert host.free_pages([2048]) == {0: {2048: 100}, 1: {2048: 101}}
    assert host.free_pages([2048], [1]) == {1: {2048: 101}}
    assert set(host.free_pages()[0]) == {os.sysconf("SC_PAGESIZE") // 1024, 2048}
    with pytest.raises(InvalidArgument, match="no pages of 1024 KiB"):
        host.free_pages([1024])


def test_huge_pages_are_reserved_on_top_or_instead(record: Record, two_cells: Files, tmp_path: Path) -> None:
    host = record(two_cells)
    count = tmp_path / f"{NODES}/node0/hugepages/hugepages-2048kB/nr_hugepages"
    assert host.allocate_pages({2048: 10}, [0]) == 1
    assert count.read_text() == "522\n"
    assert host.allocate_pages({2048: 7}, add=False) == 2
    assert count.read_text() == "7\n"
    with pytest.raises(InvalidArgument, match="4 KiB"):
        host.allocate_pages({4: 1})


def test_page_merging_is_read_and_set(record: Record, tmp_path: Path) -> None:
    ksm = "sys/kernel/mm/ksm"
    host = record({f"{ksm}/pages_to_scan": 100, f"{ksm}/full_scans": 3})
    assert host.memory_parameters() == {"shm_pages_to_scan": 100, "shm_full_scans": 3}
    host.set_memory_parameters({"shm_pages_to_scan": 200})
    assert host.memory_parameters()["shm_pages_to_scan"] == 200
    with pytest.raises(InvalidArgument, match="shm_full_scans"):
        host.set_memory_parameters({"shm_pages_to_scan": 300, "shm_full_scans": 1})
    assert host.memory_parameters()["shm_pages_to_scan"] == 200


def test_page_merging_that_the_kernel_lacks_is_said_so(record: Record) -> None:
    with pytest.raises(HostError, match="without same-page merging"):
        record({}).set_memory_parameters({"shm_pages_to_scan": 1})


STAT = """cpu  10 1 5 1000 7 2 3 0 4 0
cpu0 6 1 3 500 4 1 2 0 4 0
intr 1 2 3
"""


def test_time_accounts_add_what_belongs_together() -> None:
    assert parse_cpu_times(STAT) == CpuTimes(kernel=10, user=11, idle=1000, iowait=7)
    assert parse_cpu_times(STAT, 0, 100) == CpuTimes(kernel=600, user=700, idle=50000, iowait=400)


def test_a_cpu_without_a_time_account_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="CPU 1"):
        parse_cpu_times(STAT, 1)


X86 = "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD Something\nstepping\t: 1\n"


@pytest.mark.parametrize(
    ("arch", "text", "model", "mhz", "signature"),
    [
        (
            "x86_64",
            X86 + "microcode\t: 0xa101148\ncpu MHz\t\t: 2595.998\nflags\t\t: fpu svm\n",
            "AMD Something",
            2595,
            "AuthenticAMD, AMD Something, family: 25, model: 17, stepping: 1",
        ),
        (
            "ppc64le",
            "processor\t: 0\ncpu\t\t: POWER9, altivec supported\nclock\t\t: 2300.000000MHz\nrevision\t: 2.2\n",
            "POWER9, altivec supported",
            2300,
            "POWER9, altivec supported, rev 2.2",
        ),
        (
            "s390x",
            "vendor_id : IBM/S390\nfacilities : 0 1 2\nprocessor 0: version = FF\ncpu MHz dynamic : 5200\n",
            None,
            5200,
            "IBM/S390, version = FF, facilities: 0 1 2",
        ),
        ("aarch64", "processor : 0\nFeatures : fp asimd\n", None, 0, None),
        ("x86_64", "", None, 0, None),
    ],
)
def test_cpuinfo_of_each_architecture(arch: str, text: str, model: str | None, mhz: int, signature: str | None) -> None:
    found = parse_cpuinfo(text, arch)
    assert (found.model, found.mhz, found.signature) == (model, mhz, signature)


def test_cpuinfo_identifies_an_x86_cpu() -> None:
    found = parse_cpuinfo(X86 + "microcode : 0xa101148\nflags : fpu svm\n", "x86_64")
    assert (found.vendor, found.identity, found.microcode) == ("AuthenticAMD", (25, 17, 1), 0xA101148)
    assert found.flags == {"fpu", "svm"}


FIRMWARE, SYSTEM = "5c1d0c81-4a85-11cb-88ec-a5a7a8f13900", "b35c794c-34ad-11b2-a85c-b030533115c9"


@pytest.mark.parametrize(
    ("product", "machine", "expected"),
    [
        ("4cd00c81-4a85-11cb-88ec-a5a7a8f13986", None, "4cd00c81-4a85-11cb-88ec-a5a7a8f13986"),
        (
            "00000000-0000-0000-0000-000000000000",
            "a25c794c34ad11b2a85cb030533115b8",
            "a25c794c-34ad-11b2-a85c-b030533115b8",
        ),
        ("not a uuid", None, None),
        (None, None, None),
    ],
)
def test_the_host_has_its_firmwares_uuid_or_its_systems(
    record: Record, product: str | None, machine: str | None, expected: str | None
) -> None:
    files = {"sys/class/dmi/id/product_uuid": product, "etc/machine-id": machine}
    host = record({name: text for name, text in files.items() if text})
    assert host.uuid == (UUID(expected) if expected else None)


def test_sleep_states_are_those_the_kernel_offers(record: Record) -> None:
    state, disk = "sys/power/state", "sys/power/disk"
    assert suspend_targets(record({}).tree) == ()
    assert suspend_targets(record({state: "freeze mem"}).tree) == ("suspend_mem",)
    assert suspend_targets(record({state: "mem disk", disk: "[disabled]"}).tree) == ("suspend_mem",)
    everything = record({state: "freeze mem disk", disk: "[platform] shutdown reboot suspend"})
    assert suspend_targets(everything.tree) == ("suspend_mem", "suspend_disk", "suspend_hybrid")


def test_an_iommu_is_there_when_devices_are_in_groups(record: Record) -> None:
    assert not has_iommu(record({}).tree)
    assert has_iommu(record({"sys/kernel/iommu_groups/0/type": "DMA"}).tree)


def test_kvm_is_asked_not_guessed(tmp_path: Path) -> None:
    assert not can_create_vm(tmp_path / "kvm")
    assert "does not exist" in (refusal(tmp_path / "kvm") or "")
    assert "refuses" in (refusal("/dev/null") or "")


def test_this_host_agrees_with_what_python_knows() -> None:
    host = Host()
    assert set(os.sched_getaffinity(0)) <= set(host.cpus.online)
    assert host.memory_stats().total > 0
    assert host.cpu_times().idle > 0
    assert sum(len(cell.cpus) for cell in host.cells) == len(host.cpus.online)
