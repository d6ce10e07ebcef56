"""The host's part of a capabilities document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from polyvisor.documents import read, write
from polyvisor.host import Host
from polyvisor.host.document import capabilities_host
from polyvisor.model.capabilities import Capabilities, Guest, GuestArchitecture, GuestDomain

Record = Callable[..., Host]
Files = dict[str, object]
CPUS, NODES, RESCTRL = "sys/devices/system/cpu", "sys/devices/system/node", "sys/fs/resctrl/info"


def cache(cpu: int, level: int, number: int, size: str, shared: str, kind: str = "Unified") -> Files:
    base = f"{CPUS}/cpu{cpu}/cache/index{level}"
    return {
        f"{base}/level": level,
        f"{base}/id": number,
        f"{base}/size": size,
        f"{base}/type": kind,
        f"{base}/shared_cpu_list": shared,
    }


def described(host: Host) -> Any:
    """The host as its document tells it, after a way through text and grammar."""
    guest = Guest(
        os_type="hvm", arch=GuestArchitecture(name="x86_64", wordsize="64", domains=[GuestDomain(type="kvm")])
    )
    document = Capabilities(host=capabilities_host(host, live_migration=True, transports=["tcp"]), guests=[guest])
    back = read(write(document), Capabilities)
    assert back == document
    return back.host


def test_a_host_with_everything_makes_a_valid_document(record: Record, two_cells: Files) -> None:
    found = described(record(two_cells))
    assert (found.cpu.arch, found.cpu.vendor, found.cpu.microcode.version) == ("x86_64", "Intel", 16)
    assert (found.cpu.signature.family, found.cpu.signature.model, found.cpu.signature.stepping) == (6, 85, 4)
    assert (found.cpu.topology.cores, found.cpu.topology.threads) == (2, 2)
    assert found.migration_features.live
    assert found.migration_features.uri_transports.transports == ["tcp"]


def test_every_cell_tells_its_distances(record: Record, two_cells: Files) -> None:
    text = write(capabilities_host(record(two_cells)))
    assert text.count("<sibling id='0' value='10'/>") == 1
    assert text.count("<sibling id='1' value='21'/>") == 1
    assert "<cpu id='5' socket_id='1' die_id='0' cluster_id='0' core_id='0' siblings='4-5'/>" in text
    assert "<pages unit='KiB' size='2048'>512</pages>" in text


def test_a_bare_host_makes_a_valid_document(record: Record) -> None:
    found = described(record({f"{CPUS}/online": "0"}))
    assert (found.cache, found.memory_bandwidth, found.topology.interconnects) == (None, None, None)
    assert found.topology.cells.num == 1


def test_this_host_makes_a_valid_document() -> None:
    assert described(Host()).topology.cells.cells


def test_caches_are_told_once_each_from_the_second_level_on(record: Record) -> None:
    files: Files = {f"{CPUS}/online": "0-1"}
    for cpu in (0, 1):
        files |= cache(cpu, 1, cpu, "32K", str(cpu), "Data")
        files |= cache(cpu, 2, cpu, "512K", str(cpu))
        files |= cache(cpu, 3, 0, "33792K", "0-1")
    banks = described(record(files)).cache.banks
    assert [(bank.level, bank.id, bank.size, bank.unit, bank.cpus) for bank in banks] == [
        (2, 0, 512, "KiB", "0"),
        (2, 1, 512, "KiB", "1"),
        (3, 0, 33, "MiB", "0-1"),
    ]


@pytest.mark.parametrize(
    ("least", "expected"), [(1, (768, None, "KiB")), (2, (768, 1536, "KiB")), (4, (768, 3072, "KiB"))]
)
def test_a_divisible_cache_tells_its_steps_in_one_unit(record: Record, least: int, expected: tuple[Any, ...]) -> None:
    files: Files = {f"{CPUS}/online": "0", **cache(0, 3, 0, "15360K", "0")}
    files |= {f"{RESCTRL}/L3/cbm_mask": "fffff", f"{RESCTRL}/L3/min_cbm_bits": least, f"{RESCTRL}/L3/num_closids": 4}
    (control,) = described(record(files)).cache.banks[0].controls
    assert (control.granularity, control.min, control.unit) == expected
    assert (control.type, control.max_allocs) == ("both", 4)


def test_code_and_data_of_a_cache_are_divided_apart(record: Record) -> None:
    files: Files = {f"{CPUS}/online": "0", **cache(0, 3, 0, "16M", "0")}
    for name in ("L3CODE", "L3DATA"):
        files |= {f"{RESCTRL}/{name}/cbm_mask": "ffff", f"{RESCTRL}/{name}/num_closids": 8}
    assert [control.type for control in described(record(files)).cache.banks[0].controls] == ["code", "data"]


def test_memory_bandwidth_is_limited_by_last_level_cache(record: Record) -> None:
    files: Files = {f"{CPUS}/online": "0", **cache(0, 2, 5, "1M", "0"), **cache(0, 3, 1, "16M", "0")}
    files |= {f"{RESCTRL}/MB/bandwidth_gran": 10, f"{RESCTRL}/MB/min_bandwidth": 10, f"{RESCTRL}/MB/num_closids": 4}
    files |= {
        f"{RESCTRL}/L3_MON/mon_features": "llc_occupancy\nmbm_total_bytes",
        f"{RESCTRL}/L3_MON/num_rmids": 176,
        f"{RESCTRL}/L3_MON/max_threshold_occupancy": 270336,
    }
    found = described(record(files))
    (node,) = found.memory_bandwidth.nodes
    assert (node.id, node.cpus, node.controls[0].granularity) == (1, "0", 10)
    assert [feature.name for feature in found.memory_bandwidth.monitor.features] == ["mbm_total_bytes"]
    (monitor,) = found.cache.monitors
    assert (monitor.reuse_threshold, monitor.max_monitors) == (270336, 176)
    assert [feature.name for feature in monitor.features] == ["llc_occupancy"]


def test_memory_tells_how_fast_it_is_and_what_caches_it(record: Record, two_cells: Files) -> None:
    side = f"{NODES}/node1/memory_side_cache/index1"
    access = f"{NODES}/node1/access1/initiators"
    two_cells |= {f"{side}/indexing": 0, f"{side}/write_policy": 1, f"{side}/size": 131072, f"{side}/line_size": 64}
    two_cells |= {f"{access}/node0/here": "", f"{access}/read_latency": 80, f"{access}/read_bandwidth": 100}
    found = described(record(two_cells))
    (cached,) = found.topology.cells.cells[1].caches
    assert (cached.level, cached.associativity, cached.policy) == (1, "direct", "writethrough")
    assert (cached.size.value, cached.size.unit, cached.line_size.value, cached.line_size.unit) == (128, "KiB", 64, "B")
    ways = found.topology.interconnects
    assert [(way.initiator, way.target, way.type, way.value) for way in ways.latencies] == [(0, 1, "read", 80)]
    assert [(way.value, way.unit) for way in ways.bandwidths] == [(102400, "KiB")]
