"""What is made of datastores and files without a server: documents, UUIDs, specifications."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from pyVmomi import vim

from polyvisor import model
from polyvisor.errors import AlreadyExists, InvalidArgument, InvalidDocument, InvalidState, UnsupportedConfiguration
from polyvisor_esx import datastorefiles, iscsi, pools, reach, volumechanges, volumes
from polyvisor_esx.datastores import DatastorePath
from polyvisor_esx.inventory import Inventory
from polyvisor_esx.pools import Pool, PoolState
from polyvisor_esx.session import written_name

Browser = vim.host.DatastoreBrowser
VMFS = "/vmfs/volumes/4b0beca7-7fd401f3-1d7f-000ae484a6a3"


def pool(info: Any, *, name: str = "ds", path: str | None = VMFS, url: str = "", **summary: Any) -> Pool:
    facts = {"capacity": 1000, "freeSpace": 400, "accessible": True, **summary}
    mount = vim.host.MountInfo(path=path, accessMode="readWrite")
    row = {
        "name": name,
        "info": info,
        "summary": vim.Datastore.Summary(name=name, url=url, **facts),
        "host": [vim.Datastore.HostMount(key=vim.HostSystem("host-1"), mountInfo=mount)],
        "parent": vim.Folder("group-s1"),
    }
    return pools.pool_of(vim.Datastore("datastore-1"), row)


def vmfs(*extents: str) -> Any:
    parts = [vim.host.ScsiDisk.Partition(diskName=each, partition=1) for each in extents]
    return vim.host.VmfsDatastoreInfo(url=VMFS, vmfs=vim.host.VmfsVolume(extent=parts))


def nas(**volume: Any) -> Any:
    return vim.host.NasDatastoreInfo(url="", nas=vim.host.NasVolume(**volume))


def written(made: Pool) -> Any:
    """The document, having gone through text and the grammar."""
    return model.parse("storagepool", model.format(pools.document(made)))


# -- pools ----------------------------------------------------------------------------------------------------


def test_the_uuid_of_a_pool_is_the_hash_of_where_it_is_mounted() -> None:
    assert pool(vmfs("a")).uuid == UUID(bytes=hashlib.md5(VMFS.encode()).digest())


@pytest.mark.parametrize("url", [VMFS, f"ds://{VMFS}/"])
def test_a_vcenter_and_a_host_know_a_pool_by_the_same_uuid(url: str) -> None:
    assert pool(vmfs("a"), path=None, url=url).uuid == pool(vmfs("a")).uuid


def test_vmfs_is_a_filesystem_on_a_disk() -> None:
    document = written(pool(vmfs("naa.600508b1", "naa.2")))
    assert (document.type, document.source.format.type, document.target.path) == ("fs", "vmfs", VMFS)
    assert document.source.device.path == "/vmfs/devices/disks/naa.600508b1:1"
    assert [size.value for size in (document.capacity, document.allocation, document.available)] == [1000, 600, 400]


@pytest.mark.parametrize(
    ("kind", "hosts", "version", "filesystem"),
    [
        ("NFS", [], "3", "nfs"),
        ("NFS41", ["192.0.2.1", "192.0.2.2"], "4.1", "nfs"),
        ("CIFS", [], None, "cifs"),
    ],
)
def test_shares_are_network_filesystems(kind: str, hosts: list[str], version: str | None, filesystem: str) -> None:
    info = nas(type=kind, remoteHost="192.0.2.1", remoteHostNames=hosts, remotePath="/srv/lab")
    document = written(pool(info))
    assert [each.name for each in document.source.hosts] == (hosts or ["192.0.2.1"])
    assert (document.type, document.source.dir.path) == ("netfs", "/srv/lab")
    assert document.source.format.type == filesystem
    assert (document.source.protocol.ver if document.source.protocol else None) == version


@pytest.mark.parametrize(
    "info", [vim.host.VsanDatastoreInfo(), vim.host.VvolDatastoreInfo(), vim.host.LocalDatastoreInfo(path=VMFS)]
)
def test_all_others_are_directories(info: Any) -> None:
    document = written(pool(info))
    assert (document.type, document.target.path) == ("dir", VMFS)


def test_a_datastore_out_of_reach() -> None:
    info = pool(vmfs("a"), accessible=False, maintenanceMode="inMaintenance").info
    assert (info.state, info.maintenance) == (PoolState.INACCESSIBLE, "inMaintenance")


def test_which_of_two_datastores_of_a_name_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = [pool(vmfs("a")), pool(vmfs("a"), path="/vmfs/volumes/other")]
    monkeypatch.setattr(pools, "pools", lambda session: twice)
    session: Any = None
    with pytest.raises(InvalidState, match="2 datastores are named 'ds'"):
        pools.find(session, name="ds")
    assert pools.find(session, uuid=twice[1].uuid) is twice[1]


def test_a_datastore_is_found_by_its_plain_name(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = pool(vmfs("a"), name="a%2fb")
    monkeypatch.setattr(pools, "pools", lambda session: [odd])
    session: Any = None
    assert pools.find(session, name="a/b") is pools.find(session, name="a%2fb") is odd


def asked(source: str, kind: str = "netfs") -> Any:
    text = f"<pool type='{kind}'><name>a/b</name>{source}<target><path>/x</path></target></pool>"
    return model.parse("storagepool", text.replace("a/b", "lab"))


def share(more: str = "", host: str = "<host name='192.0.2.1'/>") -> Any:
    return asked(f"<source>{host}<dir path='/srv/lab'/>{more}</source>")


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ("", "NFS"),
        ("<format type='nfs'/>", "NFS"),
        ("<format type='nfs'/><protocol ver='3'/>", "NFS"),
        ("<format type='nfs'/><protocol ver='4.1'/>", "NFS41"),
    ],
)
def test_what_is_mounted(more: str, kind: str) -> None:
    found = pools.mount_of(share(more))
    assert (found.type, found.remoteHost, found.remotePath, found.localPath) == (kind, "192.0.2.1", "/srv/lab", "lab")


@pytest.mark.parametrize(
    "config",
    [
        share("<format type='glusterfs'/>"),
        share("<format type='nfs'/><protocol ver='4.2'/>"),
        share(host="<host name='a'/><host name='b'/>"),
        share(host="<host name='a' port='2050'/>"),
        asked("", "dir"),
        asked("<source><device path='/dev/sda1'/></source>", "fs"),
    ],
)
def test_what_cannot_be_mounted_is_refused(config: Any) -> None:
    with pytest.raises(UnsupportedConfiguration):
        pools.mount_of(config)


# -- targets of iSCSI -----------------------------------------------------------------------------------------

IQN = "iqn.2026-01.example.lab:disks"


def lun(key: str, blocks: int) -> Any:
    path, capacity = f"/vmfs/devices/disks/naa.{key}", vim.host.DiskDimensions.Lba(block=blocks, blockSize=512)
    names = {"uuid": key, "canonicalName": f"naa.{key}", "deviceName": path, "devicePath": path, "lunType": "disk"}
    return vim.host.ScsiDisk(key=key, capacity=capacity, **names)


def storage() -> dict[str, Any]:
    """Two adapters that reach the same target; the first unit twice."""
    Topology, Hba = vim.host.ScsiTopology, vim.host.InternetScsiHba
    over = vim.host.InternetScsiTargetTransport(iScsiName=IQN, iScsiAlias="", address=["192.0.2.9:3260"])
    local = Topology.Target(lun=[Topology.Lun(lun=0, scsiLun="9")])
    first = Topology.Target(transport=over, lun=[Topology.Lun(lun=4, scsiLun="2"), Topology.Lun(lun=1, scsiLun="1")])
    second = Topology.Target(transport=over, lun=[Topology.Lun(lun=1, scsiLun="1")])
    known = [Hba.StaticTarget(address="192.0.2.9", port=3260, iScsiName=IQN)]
    return {
        "config.storageDevice.hostBusAdapter": [
            vim.host.BlockHba(key="a", device="vmhba0"),
            Hba(key="b", device="vmhba64", configuredStaticTarget=known),
            Hba(key="c", device="vmhba65", configuredStaticTarget=known),
        ],
        "config.storageDevice.scsiLun": [lun("9", 8), lun("1", 2048), lun("2", 4096)],
        "config.storageDevice.scsiTopology": Topology(
            adapter=[
                Topology.Interface(adapter="a", target=[local]),
                Topology.Interface(adapter="b", target=[first]),
                Topology.Interface(adapter="c", target=[second]),
            ]
        ),
    }


def test_a_target_is_a_pool_of_its_units() -> None:
    (target,) = iscsi.targets_of(storage())
    document: Any = model.parse("storagepool", model.format(iscsi.document(target)))
    assert (document.type, document.name, document.source.device.path) == ("iscsi", IQN, IQN)
    assert (document.source.host.name, document.source.host.port) == ("192.0.2.9", 3260)
    assert (document.capacity.value, document.available.value) == (3 << 20, 0)
    assert UUID(document.uuid) == UUID(bytes=hashlib.md5(IQN.encode()).digest())


def test_units_are_volumes_by_number() -> None:
    (target,) = iscsi.targets_of(storage())
    documents: Any = [model.parse("storagevol", model.format(iscsi.volume(unit))) for unit in target.units]
    assert [(each.name, each.capacity.value) for each in documents] == [("naa.1", 1 << 20), ("naa.2", 2 << 20)]
    assert {each.type for each in documents} == {"block"}


def test_a_host_without_iscsi_has_no_targets() -> None:
    assert iscsi.targets_of({}) == []


# -- volumes --------------------------------------------------------------------------------------------------


def results(folder: str, *files: Any) -> Any:
    return Browser.SearchResults(folderPath=folder, file=list(files))


def test_the_files_of_a_search() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    found = volumes.listed(
        [
            results("[ds] web/", Browser.VmDiskInfo(path="web.vmdk", fileSize=300, capacityKb=2, thin=True)),
            results("[ds]", Browser.IsoImageInfo(path="a.iso", fileSize=5, modification=moment)),
            results("[ds] /deep/er", Browser.FloppyImageInfo(path="b.flp", fileSize=7), Browser.FolderInfo(path="c")),
        ]
    )
    assert [(each.key, each.format, each.capacity, each.allocation) for each in found] == [
        ("[ds] a.iso", "iso", 5, 5),
        ("[ds] deep/er/b.flp", "raw", 7, 7),
        ("[ds] deep/er/c", "dir", None, 0),
        ("[ds] web/web.vmdk", "vmdk", 2048, 300),
    ]
    assert (found[0].modified, found[3].thin) == (moment, True)


def test_a_file_that_answers_several_questions_is_what_it_is_best_known_as() -> None:
    plain, disk = Browser.FileInfo(path="a.vmdk", fileSize=1), Browser.VmDiskInfo(path="a.vmdk", capacityKb=4)
    for files in ((plain, disk), (disk, plain)):
        (found,) = volumes.listed([results("[ds]", *files)])
        assert (found.format, found.capacity) == ("vmdk", 4096)


def test_the_document_of_a_volume_names_what_a_guest_names() -> None:
    path = DatastorePath("ds", "web/web.vmdk")
    volume = volumes.volume_of(path, Browser.VmDiskInfo(path="web.vmdk", fileSize=300, capacityKb=2))
    document: Any = model.parse("storagevol", model.format(volumes.document(volume)))
    assert (document.name, document.key, document.target.path) == ("web/web.vmdk", str(path), str(path))
    assert (document.capacity.value, document.allocation.value, document.type) == (2048, 300, "file")


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../up", "a/../b", "a/.", "a//b", "a\nb", "a/"])
def test_paths_stay_on_their_datastore(name: str) -> None:
    with pytest.raises(InvalidArgument):
        volumes.checked(name)


def request(sizes: str, *, name: str = "web/new.vmdk", target: str = "<format type='vmdk'/>", more: str = "") -> Any:
    return model.parse("storagevol", f"<volume><name>{name}</name>{sizes}<target>{target}</target>{more}</volume>")


TEN = "<capacity unit='MiB'>10</capacity>"


@pytest.mark.parametrize(
    ("sizes", "zeroed", "kind"),
    [
        (TEN, False, "preallocated"),
        (TEN + "<allocation unit='MiB'>10</allocation>", False, "preallocated"),
        (TEN + "<allocation unit='MiB'>10</allocation>", True, "eagerZeroedThick"),
        (TEN + "<allocation>0</allocation>", False, "thin"),
    ],
)
def test_what_kind_of_disk_is_made(sizes: str, zeroed: bool, kind: str) -> None:
    path, found = volumechanges.disk_of(pool(vmfs("a")), request(sizes), zeroed=zeroed, bus="ide")
    assert (str(path), found.diskType, found.adapterType) == ("[ds] web/new.vmdk", kind, "ide")
    assert found.capacityKb == 10240


def test_a_disk_is_not_smaller_than_asked() -> None:
    _path, found = volumechanges.disk_of(pool(vmfs("a")), request("<capacity>1025</capacity>"))
    assert found.capacityKb == 2


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (request(TEN, target="<format type='qcow2'/>"), UnsupportedConfiguration),
        (request(TEN, name="a.iso"), UnsupportedConfiguration),
        (request(TEN + "<allocation unit='MiB'>4</allocation>"), UnsupportedConfiguration),
        (request(TEN, more="<backingStore><path>/x</path></backingStore>"), UnsupportedConfiguration),
        (
            request(TEN, target="<format type='vmdk'/><permissions><mode>0600</mode></permissions>"),
            UnsupportedConfiguration,
        ),
        (request(""), InvalidDocument),
    ],
)
def test_what_is_no_disk_of_vmwares_is_refused(config: Any, error: type) -> None:
    with pytest.raises(error):
        volumechanges.disk_of(pool(vmfs("a")), config)


def test_thin_and_zeroed_contradict_each_other() -> None:
    with pytest.raises(UnsupportedConfiguration, match="thin"):
        volumechanges.disk_of(pool(vmfs("a")), request(TEN + "<allocation>0</allocation>"), zeroed=True)


class Folders:
    """What is asked of a server's file and namespace managers; a folder that is there is refused."""

    def __init__(self, *there: str) -> None:
        self.asked: list[tuple[str, str]] = []
        self.there = there
        self.content = SimpleNamespace(
            fileManager=SimpleNamespace(MakeDirectory=self.directory),
            datastoreNamespaceManager=SimpleNamespace(CreateDirectory=self.namespace),
        )
        self.inventory = SimpleNamespace(places={})

    def directory(self, name: str, datacenter: Any, createParentDirectories: bool) -> None:
        self._made("directory", name)

    def namespace(self, datastore: Any, displayName: str) -> None:
        self._made("namespace", displayName)

    def _made(self, kind: str, name: str) -> None:
        self.asked.append((kind, name))
        if name in self.there:
            raise AlreadyExists(name, details={"fault": "FileAlreadyExists"})


@pytest.mark.parametrize(
    ("kind", "path", "asked"),
    [
        ("VMFS", "a.iso", []),
        ("VMFS", "web/deep/a.iso", [("directory", "[ds] web/deep")]),
        ("vsan", "web/a.iso", [("namespace", "web")]),
        ("vsan", "web/deep/a.iso", [("namespace", "web"), ("directory", "[ds] web/deep")]),
    ],
)
@pytest.mark.parametrize("there", [(), ("web", "[ds] web/deep")])
def test_folders_of_a_file_are_made(kind: str, path: str, asked: list[Any], there: tuple[str, ...]) -> None:
    session: Any = Folders(*there)
    volumechanges.make_folder(session, pool(vmfs("a"), type=kind), DatastorePath("ds", path))
    assert session.asked == asked


def test_a_guest_has_its_files_those_below_and_those_behind() -> None:
    below = vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName="[ds] base/base.vmdk")
    backing = vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName="[ds] web/web-000001.vmdk", parent=below)
    row = {
        "layoutEx.file": [vim.vm.FileLayoutEx.FileInfo(name="[ds] web/web.vmx")],
        "config.hardware.device": [vim.vm.device.VirtualDisk(backing=backing), vim.vm.device.VirtualPCIController()],
    }
    taken = ["[ds] web/web.vmx", "[ds] web/web-000001.vmdk", "[ds] base/base.vmdk", "[ds] base", "[ds] web"]
    free = ["[ds] web/other.vmdk", "[ds] we", "[other] web/web.vmx"]
    assert [volumechanges._names(row, path) for path in taken + free] == [True] * 5 + [False] * 3


# -- addresses of files ---------------------------------------------------------------------------------------


def test_an_address_escapes_what_means_something() -> None:
    root, folder, center = vim.Folder("group-d1"), vim.Folder("group-d2"), vim.Datacenter("datacenter-3")
    store = vim.Folder("group-s1")
    rows = {
        root: {"name": "Datacenters"},
        folder: {"name": "No%2frth & co", "parent": root},
        center: {"name": "DC 1", "parent": folder},
        store: {"name": "datastore", "parent": center},
    }
    session: Any = SimpleNamespace(inventory=Inventory(root, rows))
    made = pool(vmfs("a"), name="ds+1")
    found = datastorefiles.address(session, made, DatastorePath("ds+1", "iso/100% a?b#c&d.iso"))
    assert found == ("/folder/iso/100%25%20a%3Fb%23c%26d.iso?dcPath=No%252frth%20%26%20co/DC%201&dsName=ds%2B1")
    assert pools.datacenter(session, made) == center
    assert written_name("No/rth & co") == "No%2frth & co"


def test_a_derived_uuid_is_a_plain_hash() -> None:
    assert reach.derived_uuid("key-vim.host.VirtualSwitch-vSwitch0").hex == (
        hashlib.md5(b"key-vim.host.VirtualSwitch-vSwitch0").hexdigest()
    )
