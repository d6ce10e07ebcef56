"""What a domain document implies, whatever the hypervisor."""

from __future__ import annotations

import re
import uuid

import pytest

from polyvisor import model
from polyvisor.errors import InvalidDocument
from polyvisor.model.domain import Domain
from polyvisor.model.domain.completion import complete


def completed(
    inside: str = "", devices: str = "", *, new: bool = True, os: str = "<os><type>hvm</type></os>"
) -> Domain:
    xml = f"<domain type='kvm'><name>d</name>{inside}{os}<devices>{devices}</devices></domain>"
    return complete(model.parse("domain", xml), new=new)


MEMORY = "<memory unit='GiB'>1</memory>"


def test_completing_twice_changes_nothing_more(sample):
    once = complete(model.parse("domain", sample))
    text = model.format(once, secure=True)
    assert model.format(complete(once), secure=True) == text
    assert model.format(complete(model.parse("domain", text)), secure=True) == text


def test_a_completed_document_is_valid(sample):
    assert model.parse("domain", model.format(complete(model.parse("domain", sample)), secure=True))


def test_a_guest_gets_a_uuid_of_its_own():
    first, second = completed(), completed()
    assert uuid.UUID(first.uuid) != uuid.UUID(second.uuid)
    given = "11111111-2222-3333-4444-555555555555"
    assert completed(f"<uuid>{given}</uuid>").uuid == given


def test_amounts_become_kib():
    found = completed(
        "<memory unit='GiB'>2</memory><memtune><hard_limit unit='MB'>1</hard_limit></memtune>"
        "<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>"
    )
    assert (found.memory.value, found.memory.unit) == (2 * 1024 * 1024, "KiB")
    assert (found.memtune.hard_limit.value, found.memtune.hard_limit.unit) == (977, "KiB")
    (page,) = found.memory_backing.hugepages.pages
    assert (page.size, page.unit) == (2048, "KiB")


def test_the_balloon_starts_with_all_memory():
    assert completed(MEMORY).current_memory.value == 1024 * 1024
    assert completed(MEMORY + "<currentMemory>0</currentMemory>").current_memory.value == 1024 * 1024
    assert completed(MEMORY + "<currentMemory>1024</currentMemory>").current_memory.value == 1024


def test_cells_say_how_much_memory_a_new_guest_has():
    cells = (
        "<memory unit='GiB'>9</memory><vcpu>2</vcpu><cpu><numa><cell cpus='0' memory='1' unit='GiB'/>"
        "<cell cpus='1' memory='1048576'/></numa></cpu>"
    )
    new = completed(cells)
    assert [(cell.id, cell.memory, cell.unit) for cell in new.cpu.numa.cells] == [
        (0, 1048576, "KiB"),
        (1, 1048576, "KiB"),
    ]
    assert new.memory_kib == new.current_memory_kib == 2 * 1024 * 1024
    assert completed(cells, new=False).memory_kib == 9 * 1024 * 1024


def test_one_cpu_unless_said_otherwise():
    found = completed()
    assert (found.vcpu.count, found.vcpu.placement) == (1, "static")
    assert completed("<vcpu current='4'>4</vcpu>").vcpu.current is None
    automatic = completed("<vcpu>2</vcpu><numatune><memory mode='strict' placement='auto'/></numatune>")
    assert automatic.vcpu.placement == "auto"


def test_lifecycle_and_clock():
    found = completed()
    assert (found.on_poweroff, found.on_reboot, found.on_crash) == ("destroy", "restart", "destroy")
    assert found.clock.offset == "utc"
    kept = completed("<on_reboot>destroy</on_reboot><clock offset='localtime'/>")
    assert (kept.on_reboot, kept.clock.offset) == ("destroy", "localtime")


def test_a_machine_boots_from_its_first_disk_unless_told_otherwise():
    assert [boot.dev for boot in completed().os.boot] == ["hd"]
    ordered = completed(devices="<interface type='user'><boot order='1'/></interface>")
    assert ordered.os.boot == []
    assert completed(os="<os><type>exe</type></os>").os.boot == []


def test_a_boot_loader_alone_means_a_paravirtual_guest():
    assert completed("<bootloader>/usr/bin/pygrub</bootloader>", os="").os.type.value == "xen"
    with pytest.raises(InvalidDocument, match="neither <os> nor <bootloader>"):
        completed(os="")


@pytest.mark.parametrize(
    ("target", "bus", "place"),
    [
        ("hda", "ide", (0, 0, 0, 0)),
        ("hdc", "ide", (0, 1, 0, 0)),
        ("hde", "ide", (1, 0, 0, 0)),
        ("sdh", "scsi", (1, 0, 0, 0)),
        ("sdaa", "scsi", (3, 0, 0, 5)),
        ("vda", "virtio", None),
        ("xvdb", "xen", None),
    ],
)
def test_a_disk_is_where_its_name_says(target, bus, place):
    xml = f"<disk type='file'><source file='/a'/><target dev='{target}'/></disk>"
    (disk,) = completed(devices=xml).devices.disks
    assert disk.target.bus == bus
    address = disk.address
    found = (address.controller, address.bus, address.target, address.unit) if address else None
    assert found == place


def test_floppies_and_cdroms():
    found = completed(
        devices="<disk type='file' device='floppy'><target dev='fda'/></disk>"
        "<disk type='file' device='cdrom'><target dev='sdb' bus='sata'/></disk>"
    )
    floppy, cdrom = found.devices.disks
    assert (floppy.target.bus, floppy.readonly) == ("fdc", False)
    assert (cdrom.readonly, cdrom.address.unit) == (True, 1)
    assert {(each.type, each.index) for each in found.devices.controllers} == {("fdc", 0), ("sata", 0)}


def test_controllers_that_devices_are_plugged_into_exist():
    found = completed(
        devices="<controller type='scsi' model='virtio-scsi'/><controller type='usb'/><controller type='usb'/>"
        "<disk type='file'><source file='/a'/><target dev='sdh'/></disk>"
        "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>"
    )
    assert sorted((each.type, each.index) for each in found.devices.controllers) == [
        ("scsi", 0),
        ("scsi", 1),
        ("usb", 0),
        ("usb", 1),
        ("virtio-serial", 0),
    ]


def test_hardware_addresses_are_made_up_and_differ():
    found = completed(devices="<interface type='user'/>" * 20)
    addresses = [interface.mac.address for interface in found.devices.interfaces]
    assert len(set(addresses)) == 20
    assert all(re.fullmatch("52:54:00(:[0-9a-f]{2}){3}", address) for address in addresses)


def test_the_first_serial_port_is_also_the_console():
    found = completed(devices="<serial type='file'><source path='/var/log/x'/></serial><serial type='pty'/>")
    first, second = found.devices.serials
    (console,) = found.devices.consoles
    assert (first.target.port, second.target.port) == (0, 1)
    assert (console.type, console.source.path) == ("file", "/var/log/x")
    assert (console.target.type, console.target.port) == ("serial", 0)


def test_a_console_alone_brings_a_serial_port():
    found = completed(devices="<console type='pty'/>")
    assert [(each.type, each.target.port) for each in found.devices.serials] == [("pty", 0)]
    assert found.devices.consoles[0].target.type == "serial"
    virtio = completed(devices="<console type='pty'><target type='virtio'/></console>")
    assert virtio.devices.serials == []


def test_containers_have_no_serial_ports():
    found = completed(devices="<console type='pty'/>", os="<os><type>exe</type></os>")
    assert found.devices.serials == []


def test_sockets_connect_unless_they_are_bound():
    found = completed(
        devices="<serial type='unix'><source path='/s'/></serial>"
        "<serial type='tcp'><source host='h' service='1'/></serial>"
    )
    unix, tcp = found.devices.serials
    assert unix.source.mode == tcp.source.mode == "connect"
    assert tcp.protocol.type == "raw"


def test_a_virtio_console_leaves_the_serial_port_the_first_console():
    found = completed(
        devices="<serial type='pty'><target port='0'/></serial><console type='pty'><target type='virtio'/></console>"
    )
    assert [(each.target.type, each.target.port) for each in found.devices.consoles] == [("serial", 0), ("virtio", 1)]


def test_a_cpu_model_is_matched_exactly():
    found = completed(
        "<cpu><model>Skylake-Server</model><topology sockets='1' cores='2' threads='1'/><feature name='vmx'/></cpu>"
    )
    assert (found.cpu.mode, found.cpu.match, found.cpu.model.fallback) == ("custom", "exact", "allow")
    assert found.cpu.features[0].policy == "require"
    assert (found.cpu.topology.dies, found.cpu.topology.clusters, found.cpu.topology.cpus) == (1, 1, 2)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("0-2,^1", "0,2"), ("3,1,2", "1-3"), ("0,1,2,4,6,7", "0-2,4,6-7"), ("5", "5"), ("3-1", "3-1")],
)
def test_sets_of_cpus_are_ranges_in_order(written, canonical):
    assert completed(f"<vcpu cpuset='{written}'>1</vcpu>").vcpu.cpuset == canonical


def test_servers_listen_on_their_well_known_port():
    xml = "<disk type='network'><source protocol='{}' name='n'><host name='h'/></source><target dev='vd{}'/></disk>"
    found = completed(devices="".join(xml.format(name, letter) for name, letter in (("nbd", "a"), ("rbd", "b"))))
    nbd, rbd = (disk.source.hosts[0].port for disk in found.devices.disks)
    assert (nbd, rbd) == (10809, None)


def test_a_shared_directory_passes_permissions_through():
    found = completed(
        devices="<filesystem type='mount'><source dir='/srv'/><target dir='tag'/></filesystem>"
        "<filesystem type='ram'><source usage='1' units='MiB'/><target dir='/tmp'/></filesystem>"
    )
    mount, ram = found.devices.filesystems
    assert mount.accessmode == ram.accessmode == "passthrough"
    assert (ram.source.usage, ram.source.units) == (1024, "KiB")


def test_host_devices_are_not_managed_unless_asked_for():
    xml = "<hostdev type='pci'><source><address bus='1' slot='0'/></source></hostdev>"
    assert completed(devices=xml).devices.hostdevs[0].managed is False


def test_spice_without_a_port_is_handed_its_connections():
    (bare,) = completed(devices="<graphics type='spice' autoport='no'/>").devices.graphics
    assert (bare.autoport, bare.port, bare.listens[0].type) == (None, None, "none")
    (automatic,) = completed(devices="<graphics type='spice' port='-1'/>").devices.graphics
    assert (automatic.autoport, automatic.port, automatic.listens[0].type) == (True, None, "address")
    (fixed,) = completed(devices="<graphics type='spice' tlsPort='5901'/>").devices.graphics
    assert (fixed.autoport, fixed.tls_port) == (False, 5901)


def test_a_graphics_server_listens_somewhere():
    (plain,) = completed(devices="<graphics type='vnc'/>").devices.graphics
    assert (plain.port, plain.autoport, [listen.type for listen in plain.listens]) == (-1, True, ["address"])
    (fixed,) = completed(devices="<graphics type='vnc' port='5907' listen='::1'/>").devices.graphics
    assert (fixed.port, fixed.autoport, fixed.listens[0].address) == (5907, False, "::1")
    (socket,) = completed(devices="<graphics type='vnc' socket='/s'/>").devices.graphics
    assert (socket.listens[0].type, socket.listens[0].socket, socket.port) == ("socket", "/s", None)


def test_one_graphics_card_is_the_primary_one():
    found = completed(devices="<video><model type='vga'/></video><video><model type='qxl'/></video>")
    assert [video.model.primary for video in found.devices.videos] == [True, None]


def test_iothreads_are_numbered():
    found = completed("<iothreads>3</iothreads><iothreadids><iothread id='2'/></iothreadids>")
    assert [thread.id for thread in found.iothreadids.iothreads] == [2, 1, 3]
    assert completed("<iothreadids><iothread id='5'/></iothreadids>").iothreads == 1
