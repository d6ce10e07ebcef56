"""What guests may take of hosts, and what is wrong with them, from objects of VMware's without a server."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from pyVmomi import vim

from polyvisor.documents import write
from polyvisor.errors import HypervisorError, InvalidArgument, InvalidState, UnsupportedConfiguration
from polyvisor.operations.numa import NumaMode
from polyvisor.operations.tuning import Bandwidth
from polyvisor.operations.vcpus import VcpuState
from polyvisor.spi import Affect, DomainRef
from polyvisor_esx import affinity, bandwidth, capabilities, closing, diskshares, messages, native
from polyvisor_esx.vmx_reading import from_vmx
from polyvisor_esx.vmx_writing import to_vmx

Device = vim.vm.device
WEB = DomainRef("web", UUID(int=7), 1)
HOST = vim.HostSystem("host-1")
MAC = "00:50:56:00:00:01"


class Machine:
    """A guest that takes every specification."""

    def __init__(self) -> None:
        self.specs: list[Any] = []

    def _GetMoId(self) -> str:
        return "vm-1"

    def ReconfigVM_Task(self, spec: Any) -> str:
        self.specs.append(spec)
        return "task"


class Server:
    """What is asked of a session about one guest, on a host of eight CPUs and two NUMA nodes."""

    def __init__(self, **row: Any) -> None:
        self.machine = Machine()
        self.row = {"runtime.powerState": "poweredOff", "runtime.host": HOST, **row}
        self.remembered: dict[str, Any] = {}
        self.heard: dict[str, Any] = {}
        self.transport = None

    def read(self, domain: DomainRef, paths: Any) -> Any:
        return self.machine, dict(self.row)

    def properties(self, kind: Any, paths: Any, refs: Any) -> Any:
        cpus = vim.host.CpuInfo(numCpuPackages=2, numCpuCores=4, numCpuThreads=8, hz=10**9)
        nodes = vim.host.NumaInfo(type="NUMA", numNodes=2)
        known: dict[str, Any] = {
            "hardware.cpuInfo": cpus,
            "hardware.numaInfo": nodes,
            "config.distributedVirtualSwitch": "switch",
            bandwidth.CONTROL[0]: True,
            bandwidth.CONTROL[1]: "version2",
        }
        return {ref: {path: known[path] for path in paths} for ref in refs}

    def wait(self, task: str) -> None:
        """It is done at once."""

    @property
    def spec(self) -> Any:
        """The one specification that was sent."""
        (found,) = self.machine.specs
        return found


def bound(*cpus: int, count: int = 1, power: str = "poweredOff") -> Any:
    return Server(
        **{
            affinity.PINS: vim.vm.AffinityInfo(affinitySet=list(cpus)),
            affinity.COUNT: count,
            "runtime.powerState": power,
        }
    )


# -- CPUs and NUMA nodes ------------------------------------------------------------------------------------------


def test_a_guest_that_is_not_bound_runs_anywhere() -> None:
    assert affinity.pins(bound(count=2), WEB, Affect.CURRENT) == dict.fromkeys((0, 1), frozenset(range(8)))


def test_all_vcpus_have_the_guests_cpus() -> None:
    assert affinity.pins(bound(1, 3, count=2), WEB, Affect.CURRENT) == dict.fromkeys((0, 1), frozenset({1, 3}))


def test_the_one_vcpu_of_a_guest_is_bound_by_binding_the_guest() -> None:
    server = bound()
    affinity.pin(server, WEB, 0, {5, 2}, Affect.CURRENT)
    assert server.spec.cpuAffinity.affinitySet == [2, 5]


def test_no_pin_is_an_empty_set() -> None:
    server = bound(1)
    affinity.pin(server, WEB, 0, None, Affect.CURRENT)
    assert server.spec.cpuAffinity.affinitySet == []


@pytest.mark.parametrize(
    ("server", "vcpu", "cpus", "words"),
    [
        (bound(count=2), 0, {1}, "as a whole.*2 vCPUs"),
        (bound(count=2), 2, {1}, "no vCPU 2"),
        (bound(), 0, {8}, "no CPU 8"),
        (bound(), 0, set(), "no CPU is named"),
    ],
)
def test_pins_that_cannot_be_say_why(server: Any, vcpu: int, cpus: set[int], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        affinity.pin(server, WEB, vcpu, cpus, Affect.CURRENT)
    assert server.machine.specs == []


def test_a_running_guest_has_no_other_configuration_to_be_bound_in() -> None:
    with pytest.raises(InvalidState, match="does not see"):
        affinity.pin(bound(power="poweredOn"), WEB, 0, {1}, Affect.CONFIG)


@pytest.mark.parametrize(("power", "state"), [("poweredOn", VcpuState.RUNNING), ("suspended", VcpuState.BLOCKED)])
def test_vcpus_are_told_without_what_vmware_does_not_tell(power: str, state: VcpuState) -> None:
    server = bound(3, count=2, power=power)
    server.row["suspended"] = ""
    assert [
        (each.number, each.state, each.cpu, each.cpu_time_ns, each.affinity) for each in affinity.vcpus(server, WEB)
    ] == [(number, state, None, None, {3}) for number in (0, 1)]


def option(key: str, value: str) -> Any:
    return vim.option.OptionValue(key=key, value=value)


@pytest.mark.parametrize(
    ("row", "nodes"),
    [
        ({}, set()),
        ({affinity.EXTRA: [option("numa.nodeAffinity", "0, 1")]}, {0, 1}),
        ({affinity.EXTRA: [option("numa.nodeaffinity", "1")]}, {1}),
        ({affinity.EXTRA: [option("numa.nodeAffinity", "1"), option("numa.nodeAffinity", "")]}, set()),
        ({affinity.MEMORY: vim.vm.AffinityInfo(affinitySet=[1])}, {1}),
    ],
)
def test_nodes_are_those_of_the_setting_or_of_its_predecessor(row: dict[str, Any], nodes: set[int]) -> None:
    assert affinity.numa(Server(**row), WEB, Affect.CURRENT).nodeset == nodes


def test_binding_to_nodes_drops_the_predecessor() -> None:
    server: Any = Server(**{affinity.MEMORY: vim.vm.AffinityInfo(affinitySet=[1])})
    affinity.set_numa(server, WEB, None, {1, 0}, Affect.CURRENT)
    assert [(each.key, each.value) for each in server.spec.extraConfig] == [("numa.nodeAffinity", "0,1")]
    assert server.spec.memoryAffinity.affinitySet == []


@pytest.mark.parametrize("mode", [NumaMode.PREFERRED, NumaMode.INTERLEAVE, NumaMode.RESTRICTIVE])
def test_nodes_are_bound_strictly_or_not_at_all(mode: NumaMode) -> None:
    server: Any = Server()
    with pytest.raises(InvalidArgument, match=mode.value):
        affinity.set_numa(server, WEB, mode, {0}, Affect.CURRENT)
    assert server.machine.specs == []


def test_a_running_guest_stays_on_its_nodes() -> None:
    server: Any = Server(**{"runtime.powerState": "poweredOn"})
    with pytest.raises(InvalidState, match="moves no running guest"):
        affinity.set_numa(server, WEB, None, {0}, Affect.CURRENT)


VMX = 'config.version = "8"\nvirtualHW.version = "13"\ndisplayName = "web"\n'


def test_documents_say_which_nodes() -> None:
    config = from_vmx(VMX + 'numa.nodeAffinity = "0,2"\n')
    assert config.numatune is not None and config.numatune.memory is not None
    assert (config.numatune.memory.mode, config.numatune.memory.nodeset) == ("strict", "0,2")
    assert 'numa.nodeAffinity = "0,2"' in to_vmx(config, hardware=13)
    native.refuse_lost(config)


@pytest.mark.parametrize("more", ["mode='preferred' nodeset='0'", "placement='auto'"])
def test_documents_that_bind_otherwise_are_refused(more: str) -> None:
    from polyvisor import model

    text = write(from_vmx(VMX)).replace("<os>", f"<numatune><memory {more}/></numatune><os>")
    config: Any = model.parse("domain", text)
    with pytest.raises(UnsupportedConfiguration, match="strictly"):
        to_vmx(config, hardware=13)


# -- CPU models -----------------------------------------------------------------------------------------------------


def mode(key: str, vendor: str, tier: int) -> Any:
    return vim.EVCMode(key=key, label=key, summary=key, vendor=vendor, vendorTier=tier)


MODES = [
    mode("intel-haswell", "intel", 5),
    mode("intel-merom", "intel", 0),
    mode("amd-zen", "amd", 4),
    mode("intel-broadwell", "intel", 6),
]


@pytest.mark.parametrize(
    ("newest", "names"),
    [
        (["intel-haswell"], ["intel-merom", "intel-haswell"]),
        (["intel-broadwell", "intel-haswell"], ["intel-merom", "intel-haswell"]),
        (["intel-broadwell", "amd-zen"], []),
        (["intel-broadwell", ""], []),
        ([], []),
    ],
)
def test_modes_are_those_that_every_host_can_be_in(newest: list[str], names: list[str]) -> None:
    assert capabilities.modes_up_to(MODES, newest) == names


def test_a_host_by_itself_tells_its_newest_mode() -> None:
    assert capabilities.modes_up_to([], ["intel-haswell"]) == ["intel-haswell"]


# -- what is wrong ------------------------------------------------------------------------------------------------


def question(*asked: Any) -> Any:
    return vim.vm.QuestionInfo(
        id="7", text=" There is no more space. ", choice=vim.option.ChoiceOption(), message=list(asked)
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"configIssue": [vim.event.VmDisconnectedEvent(fullFormattedMessage="Not to be reached")]},
            "Not to be reached",
        ),
        ({"configIssue": [vim.event.EventEx(eventTypeId="esx.problem.x")], "overallStatus": "red"}, "esx.problem.x"),
        ({"overallStatus": "yellow"}, "overall status of it is yellow"),
        ({"runtime.question": question()}, "waits for an answer: There is no more space."),
        ({"runtime.consolidationNeeded": True}, "consolidated"),
        ({"runtime.connectionState": "orphaned"}, "is orphaned"),
    ],
)
def test_what_taints_a_guest_is_told(row: dict[str, Any], words: str) -> None:
    (found,) = messages.messages(Server(**row), WEB, deprecation=True, tainting=True)  # type: ignore[arg-type]
    assert found.startswith("tainted: ") and words in found
    assert messages.messages(Server(**row), WEB, deprecation=True, tainting=False) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("level", "found"),
    [
        ("supported", []),
        ("legacy", ["deprecated configuration: VMware's support for the system winXPProGuest is legacy"]),
        ("unsupported", ["tainted: VMware's support for the system winXPProGuest is unsupported"]),
    ],
)
def test_systems_are_supported_or_not(level: str, found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told = type("Option", (), {})()
    told.guestOSDescriptor = [type("Descriptor", (), {"id": "winXPProGuest", "supportLevel": level})()]
    monkeypatch.setattr(messages, "option", lambda session, browser, host, *, systems: told)
    server: Any = Server(**{"config.guestId": "winXPProGuest", "environmentBrowser": "browser"})
    assert messages.messages(server, WEB, deprecation=True, tainting=True) == found


def disk(unit: int, name: str, **more: Any) -> Any:
    backing = Device.VirtualDisk.FlatVer2BackingInfo(fileName=name, diskMode="persistent")
    return Device.VirtualDisk(key=2000 + unit, controllerKey=1000, unitNumber=unit, backing=backing, **more)


def hardware(*disks: Any) -> list[Any]:
    return [Device.VirtualLsiLogicController(key=1000, busNumber=0, sharedBus="noSharing"), *disks]


DISKS = (disk(0, "[one] web/web.vmdk"), disk(1, "[one] web/a,b.vmdk"))


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (
            vim.vm.Message(id="msg.hbacommon.outofspace", argument=["/vmfs/volumes/one/web/web.vmdk"]),
            {"sda": "no space"},
        ),
        (vim.vm.Message(id="msg.hbacommon.outofspace", text="No space for a,b.vmdk."), {"sdb": "no space"}),
        (vim.vm.Message(id="msg.hbacommon.corrupt", argument=["web.vmdk"]), {"sda": "unspecified error"}),
        (vim.vm.Message(id="msg.uuid.altered", argument=["web.vmdk"]), {}),
    ],
)
def test_disks_that_a_question_is_about_have_errors(message: Any, found: dict[str, str]) -> None:
    row = {"runtime.powerState": "poweredOn", "config.hardware.device": hardware(*DISKS)}
    server: Any = Server(**row, **{"runtime.question": question(message)})
    assert messages.disk_errors(server, WEB) == found


# -- shares of disks ------------------------------------------------------------------------------------------------


def weighed(level: str | None, shares: int = 0) -> Any:
    if level is None:
        return disk(0, "[one] web/web.vmdk")
    info = vim.StorageResourceManager.IOAllocationInfo(limit=100, shares=vim.SharesInfo(level=level, shares=shares))
    return disk(0, "[one] web/web.vmdk", storageIOAllocation=info)


def having(*disks: Any) -> Any:
    return Server(**{"config.hardware.device": hardware(*disks)})


@pytest.mark.parametrize(
    ("device", "shares"),
    [(weighed(None), 1000), (weighed("low"), 500), (weighed("high"), 2000), (weighed("custom", 777), 777)],
)
def test_disks_have_shares(device: Any, shares: int) -> None:
    found = diskshares.parameters(having(device), WEB, Affect.CURRENT)
    assert found.values == {"device_weight": f"[one] web/web.vmdk,{shares}"}


def test_a_file_whose_name_has_a_comma_goes_by_its_target() -> None:
    assert diskshares.parameters(having(*DISKS), WEB, Affect.CURRENT).values["device_weight"].endswith(",sdb,1000")


def test_disks_not_named_keep_their_shares_and_limits_stay() -> None:
    server = having(weighed("high"), DISKS[1])
    diskshares.put(server, WEB, {"device_weight": "sda,300"}, Affect.CURRENT)
    (change,) = server.spec.deviceChange
    allocation = change.device.storageIOAllocation
    assert (change.device.key, allocation.shares.level, allocation.shares.shares, allocation.limit) == (
        2000,
        "custom",
        300,
        100,
    )


def test_names_with_commas_are_understood() -> None:
    known = {"sda": DISKS[0], "sdb": DISKS[1]}
    assert list(diskshares.pairs("[one] web/a,b.vmdk,500,sda,0", known)) == [(DISKS[1], 500), (DISKS[0], 0)]


@pytest.mark.parametrize("written", ["sda", "sda,", "sda,many", "sda,100", "sda,4001", "sdz,500", "/dev/sda,500"])
def test_weights_that_cannot_be_change_nothing(written: str) -> None:
    server = having(*DISKS)
    with pytest.raises(InvalidArgument, match="device_weight"):
        diskshares.put(server, WEB, {"device_weight": written}, Affect.CURRENT)
    assert server.machine.specs == []


def test_a_guest_as_a_whole_has_no_weight() -> None:
    with pytest.raises(InvalidArgument, match="VMware has no weight"):
        diskshares.put(having(*DISKS), WEB, {"weight": 500}, Affect.CURRENT)


# -- bandwidth ------------------------------------------------------------------------------------------------------


def on_card(limit: int | None = None, *, distributed: bool = True) -> Any:
    backing = Device.VirtualEthernetCard.NetworkBackingInfo(deviceName="VM Network")
    if distributed:
        port = vim.dvs.PortConnection(switchUuid="50 1a", portgroupKey="dvportgroup-9")
        backing = Device.VirtualEthernetCard.DistributedVirtualPortBackingInfo(port=port)
    card = Device.VirtualVmxnet3(key=4000, macAddress=MAC, backing=backing)
    if limit is not None:
        card.resourceAllocation = Device.VirtualEthernetCard.ResourceAllocation(
            reservation=5, limit=limit, share=vim.SharesInfo(level="normal", shares=50)
        )
    return Server(**{"config.hardware.device": [card]})


@pytest.mark.parametrize(
    ("limit", "outbound"), [(None, None), (-1, None), (8, Bandwidth(976)), (128, Bandwidth(15625))]
)
def test_a_limit_is_told_in_kib(limit: int | None, outbound: Bandwidth | None) -> None:
    found = bandwidth.get(on_card(limit), WEB, MAC.upper(), Affect.CURRENT)
    assert (found.inbound, found.outbound) == (None, outbound)


@pytest.mark.parametrize(("average", "limit"), [(1, 1), (15625, 128), (15626, 129), (0, -1)])
def test_a_limit_is_whole_megabits(monkeypatch: pytest.MonkeyPatch, average: int, limit: int) -> None:
    monkeypatch.setattr(bandwidth, "VERSION", "version2")
    server = on_card(64)
    bandwidth.put(server, WEB, MAC, None, Bandwidth(average), Affect.CURRENT)
    (change,) = server.spec.deviceChange
    allocation = change.device.resourceAllocation
    assert (allocation.limit, allocation.reservation) == (limit, 5)


@pytest.mark.parametrize(
    ("server", "inbound", "outbound", "words"),
    [
        (on_card(distributed=False), None, Bandwidth(100), "standard switch"),
        (on_card(), None, Bandwidth(100), "network I/O control of version 3"),
        (on_card(), Bandwidth(100), None, "not what it receives"),
        (on_card(), None, Bandwidth(100, peak=200), "without peaks"),
    ],
)
def test_limits_that_a_switch_has_not_are_refused(server: Any, inbound: Any, outbound: Any, words: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match=words):
        bandwidth.put(server, WEB, MAC, inbound, outbound, Affect.CURRENT)
    assert server.machine.specs == []


# -- a server that is out of reach ------------------------------------------------------------------------------------


class Clock:
    """A session whose server is there, or is not."""

    def __init__(self) -> None:
        self.closing: Any = None
        self.reachable = True
        self.looked = threading.Semaphore(0)

    def service_time(self) -> None:
        self.looked.release()
        if not self.reachable:
            raise HypervisorError("the server is gone")

    def looks(self, times: int) -> None:
        """Wait until there were that many looks from now on, and the last but one is dealt with."""
        while self.looked.acquire(blocking=False):
            pass
        for _ in range(times + 1):
            assert self.looked.acquire(timeout=10)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(closing, "EVERY", 0.001)
    made: Any = Clock()
    yield made
    closing.watch(made, None)


def test_a_loss_is_told_once_and_the_next_again(clock: Any) -> None:
    told: list[str] = []
    closing.watch(clock, told.append)
    clock.looks(2)
    assert told == []
    clock.reachable = False
    clock.looks(3)
    assert told == ["the server is gone"]
    clock.reachable = True
    clock.looks(2)
    clock.reachable = False
    clock.looks(3)
    assert told == ["the server is gone"] * 2


def test_who_listens_no_longer_hears_nothing(clock: Any) -> None:
    told: list[str] = []
    closing.watch(clock, told.append)
    clock.looks(1)
    closing.watch(clock, None)
    clock.reachable = False
    assert clock.closing is None and told == []


def test_a_listener_that_breaks_does_not_end_the_watch(clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    def breaks(reason: str) -> None:
        raise ValueError("of its own")

    clock.address = type("Address", (), {"host": "esx1"})()
    clock.reachable = False
    closing.watch(clock, breaks)
    clock.looks(3)
    assert "esx1 is out of reach failed" in caplog.text
