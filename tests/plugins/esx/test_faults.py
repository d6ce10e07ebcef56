"""What VMware refuses, as errors of ours; and guests as objects of VMware's and back."""

from __future__ import annotations

from uuid import UUID

import pytest

from polyvisor import model
from polyvisor.errors import (
    AccessDenied,
    AlreadyExists,
    Busy,
    ConnectFailed,
    HypervisorError,
    InvalidState,
    NoSuchDomain,
    NotFound,
    PolyvisorError,
    UnsupportedConfiguration,
)
from polyvisor.model.domain import Domain
from polyvisor_esx import native
from polyvisor_esx.faults import named, translated
from polyvisor_esx.layout import lay_out
from polyvisor_esx.model import CLASSES
from polyvisor_esx.session import best_version, plain_name, written_name

pyVmomi = pytest.importorskip("pyVmomi")
vim, vmodl = pyVmomi.vim, pyVmomi.vmodl

from polyvisor_esx import configuration, reconfiguring, vim_reading, vim_writing  # noqa: E402
from polyvisor_esx.vmx_reading import from_settings  # noqa: E402


@pytest.mark.parametrize(
    "fault, kind",
    [
        (vim.fault.InvalidLogin(), ConnectFailed),
        (vim.fault.NoPermission(privilegeId="VirtualMachine.Interact.PowerOn"), AccessDenied),
        (vim.fault.InvalidPowerState(existingState="poweredOn", requestedState="poweredOff"), InvalidState),
        (vim.fault.ToolsUnavailable(), InvalidState),
        (vim.fault.DuplicateName(name="web"), AlreadyExists),
        (vim.fault.TaskInProgress(), Busy),
        (vmodl.fault.HostNotConnected(), HypervisorError),
        (vim.fault.NoDiskSpace(file="[a] b"), HypervisorError),
        (vmodl.fault.ManagedObjectNotFound(obj=vim.VirtualMachine("vm-1")), NoSuchDomain),
        (vmodl.fault.ManagedObjectNotFound(obj=vim.Datastore("ds-1")), NotFound),
    ],
)
def test_faults_are_errors_of_ours(fault: Exception, kind: type[PolyvisorError]) -> None:
    error = translated(fault, "PowerOnVM_Task")
    assert type(error) is kind
    assert named(error, type(fault).__name__.rpartition(".")[2])
    assert "PowerOnVM_Task" in error.message


@pytest.mark.parametrize(
    "key, value",
    [
        ("RemoteDisplay.vnc.enabled", "maybe"),
        ("RemoteDisplay.vnc.port", "all"),
        ("isolation.tools.hgfs.disable", "0"),
        ("sharedFolder.maxnum", "9999999999"),
        ("vm.genid", "new"),
        ("numa.nodeAffinity", "all"),
    ],
)
def test_options_of_a_guest_that_mean_nothing_do_not_hide_its_document(key: str, value: str) -> None:
    options = [vim.option.OptionValue(key=key, value=value), vim.option.OptionValue(key="vm.genidX", value="7")]
    assert list(vim_reading._extra({"extraConfig": options})) == [("vm.genidX", "7")]


def test_the_file_is_named_once() -> None:
    assert "[ds] web.vmdk" in translated(vim.fault.FileNotFound(msg="no file", file="[ds] web.vmdk")).message
    told = translated(vim.fault.FileLocked(msg="[ds] web.vmdk is locked", file="[ds] web.vmdk")).message
    assert told.count("[ds] web.vmdk") == 1


@pytest.mark.parametrize("name", ["..", ".", "...", " lead", "trail ", "n" * 81])
def test_files_of_guests_with_names_that_no_folder_may_have_are_called_by_the_uuid(name: str) -> None:
    uuid = UUID(int=7)
    for path in configuration._places_for_files("ds", name, uuid):
        folder, file = path.removeprefix("[ds] ").split("/")
        assert folder.startswith(str(uuid)) and file == f"{uuid}.vmx"


def test_the_words_of_the_server_are_kept() -> None:
    fault = vim.fault.NoDiskSpace(msg="Kein Platz mehr", datastore="ds")
    fault.faultMessage = [vmodl.LocalizableMessage(key="k", message="Nicht genug Platz auf ds")]
    message = translated(fault).message
    assert "Kein Platz mehr" in message and "Nicht genug Platz auf ds" in message and "NoDiskSpace" in message


def test_a_missing_privilege_is_named() -> None:
    assert "Datastore.Browse" in str(translated(vim.fault.NoPermission(privilegeId="Datastore.Browse")))


@pytest.mark.parametrize("name", ["web", "a/b", "50%", "back\\slash", "%2f"])
def test_names_come_back(name: str) -> None:
    assert plain_name(written_name(name)) == name


@pytest.mark.parametrize(
    "api, version", [("6.5", "vim25/6.5"), ("6.7.3", "vim25/6.7"), ("9.9", "vim25/8.0"), ("4.0", "vim25/5.5")]
)
def test_the_newest_interface_both_know_is_spoken(api: str, version: str) -> None:
    known = ["vim25/5.5", "vim25/6.0", "vim25/6.5", "vim25/6.7", "vim25/8.0", "pbm/2.0"]
    assert best_version(api, known) == version


# -- documents as objects and back ----------------------------------------------------------------------------------

DEVICES = """
  <disk type='file' device='disk'><source file='[ds one] web/web.vmdk'/><target dev='sda' bus='scsi'/></disk>
  <disk type='file' device='disk'><source file='[ds one] web/b.vmdk'/><target dev='sdb' bus='sata'/>
    <driver cache='writethrough'/></disk>
  <disk type='file' device='cdrom'><source file='[ds one] iso/x.iso'/><target dev='hdc' bus='ide'/></disk>
  <controller type='scsi' index='0' model='vmpvscsi'/>
  <interface type='bridge'><mac address='00:50:56:11:22:33'/><source bridge='VM Network'/>
    <model type='vmxnet3'/></interface>
  <serial type='tcp'><source mode='connect' host='log.example' service='1234'/><protocol type='telnet'/></serial>
"""


def document(devices: str = DEVICES, inside: str = "", memory: int = 512) -> Domain:
    text = f"""<domain type='vmware'><name>web</name><uuid>564d9bef-acd9-b4e0-c8f0-aea8b9103515</uuid>
      <description>a note</description><memory unit='MiB'>{memory}</memory><vcpu>2</vcpu>{inside}
      <os><type arch='x86_64'>hvm</type></os><devices>{devices}</devices></domain>"""
    config = model.parse("domain", text, contributions=CLASSES)
    assert isinstance(config, Domain)
    return model.complete("domain", lay_out(config))


def objects(config: Domain) -> dict[str, object]:
    """The properties a server would have of a guest that was made from a document."""
    wanted = configuration.settings(config)
    spec, buses = vim_writing.general(wanted), vim_writing.Buses()
    devices = [
        vim_writing.device(wanted, each, buses, lambda name: vim.Network("network-7"))
        for each in vim_writing.device_prefixes(wanted)
    ]
    hardware = vim.vm.VirtualHardware(
        memoryMB=spec.memoryMB, numCPU=spec.numCPUs, numCoresPerSocket=1, device=[*buses.added, *devices]
    )
    return {
        "name": spec.name,
        "config.uuid": spec.uuid,
        "config.annotation": spec.annotation,
        "config.guestId": spec.guestId,
        "config.version": "vmx-13",
        "config.hardware": hardware,
        "config.memoryAllocation": spec.memoryAllocation,
        "config.cpuAllocation": spec.cpuAllocation,
        "config.extraConfig": spec.extraConfig,
    }


def test_a_document_survives_vmwares_objects() -> None:
    config = document()
    read = from_settings(
        vim_reading.settings_of(objects(config), {"network-7": "VM Network"}), find=lambda name, missing: name
    )
    before, after = configuration.settings(config), configuration.settings(read)
    differing = {
        key: (before.get(key), after.get(key)) for key in {*before, *after} if before.get(key) != after.get(key)
    }
    assert {key for key in differing if not key.startswith("ethernet0.")} <= {"svga.vramsize"}
    assert after["ethernet0.address"] == "00:50:56:11:22:33"


def test_only_what_differs_is_changed() -> None:
    before, after = configuration.settings(document()), configuration.settings(document(memory=1024))
    assert reconfiguring.changed_keys(before, before) == set()
    assert reconfiguring.changed_keys(before, after) == {"memsize"}
    spec = vim_writing.general(after, {"memsize"})
    assert (spec.memoryMB, spec.name, spec.numCPUs, spec.uuid) == (1024, None, None, None)


def test_what_is_taken_away_is_set_back() -> None:
    bare = configuration.settings(document(inside="<cputune><shares>4000</shares></cputune>"))
    assert reconfiguring.changed_keys(bare, configuration.settings(document())) == {"sched.cpu.shares"}


def test_what_vmware_would_forget_is_refused() -> None:
    native.refuse_lost(document())
    native.refuse_lost(document(inside="<features><acpi/></features><clock offset='utc'/>"))
    for inside in ("<clock offset='localtime'/>", "<on_reboot>destroy</on_reboot>"):
        with pytest.raises(UnsupportedConfiguration, match="VMware keeps no"):
            native.refuse_lost(document(inside=inside))


def test_files_are_on_datastores() -> None:
    with pytest.raises(UnsupportedConfiguration, match="datastore path"):
        configuration.settings(
            document("<disk type='file'><source file='/srv/web.vmdk'/><target dev='sda' bus='scsi'/></disk>")
        )
