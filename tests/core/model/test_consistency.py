"""Contradictions within a domain document."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.errors import InvalidDocument
from polyvisor.model.domain.completion import check, complete
from polyvisor.model.domain.consistency import cpu_numbers

DISK = "<disk type='file'><source file='/a'/><target dev='{}'/>{}</disk>"


def faults(inside: str = "", devices: str = "", name: str = "d") -> list[tuple[str, str]]:
    """Path and message of each fault."""
    xml = (
        f"<domain type='kvm'><name>{name}</name><memory unit='GiB'>1</memory>"
        f"<os><type>hvm</type></os>{inside}<devices>{devices}</devices></domain>"
    )
    domain = complete(model.parse("domain", xml))
    try:
        check(domain)
    except InvalidDocument as error:
        return [(fault.path, fault.message) for fault in error.faults]
    return []


def test_documents_that_agree_with_themselves_pass(sample):
    check(complete(model.parse("domain", sample)))


@pytest.mark.parametrize(
    ("inside", "devices", "path", "said"),
    [
        ("<currentMemory unit='GiB'>2</currentMemory>", "", "/domain/currentMemory", "more than the 1048576 KiB"),
        ("<maxMemory unit='MiB'>2</maxMemory>", "", "/domain/maxMemory", "less than the 1048576 KiB"),
        ("<vcpu current='3'>2</vcpu>", "", "/domain/vcpu/@current", "3 CPUs are current of only 2"),
        ("<vcpu cpuset='5-1'>1</vcpu>", "", "/domain/vcpu/@cpuset", "runs backwards"),
        ("<vcpu cpuset='1,^1'>1</vcpu>", "", "/domain/vcpu/@cpuset", "is empty"),
        ("<vcpu>1</vcpu><vcpus><vcpu id='4' enabled='yes'/></vcpus>", "", "/domain/vcpus/vcpu/@id", "no CPU 4"),
        (
            "<vcpu>2</vcpu><cpu><numa><cell cpus='0-2' memory='1'/></numa></cpu>",
            "",
            "/domain/cpu/numa/cell/@cpus",
            "CPU 2 is in a NUMA cell, but the guest has 2",
        ),
        (
            "<vcpu>2</vcpu><cpu><numa><cell cpus='0-1' memory='1'/><cell cpus='1' memory='1'/></numa></cpu>",
            "",
            "/domain/cpu/numa/cell[2]/@cpus",
            "CPU 1 is in two NUMA cells",
        ),
        (
            "<numatune><memnode cellid='3' mode='strict' nodeset='0'/></numatune>",
            "",
            "/domain/numatune/memnode/@cellid",
            "no NUMA cell 3",
        ),
        (
            "<cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='0' cpuset='1'/></cputune>",
            "",
            "/domain/cputune/vcpupin[2]/@vcpu",
            "pinned twice",
        ),
        (
            "<iothreads>1</iothreads><cputune><iothreadpin iothread='2' cpuset='0'/></cputune>",
            "",
            "/domain/cputune/iothreadpin/@iothread",
            "no I/O thread 2",
        ),
        ("", DISK.format("vda", "") * 2, "/domain/devices/disk[2]", "two disks are called 'vda'"),
        (
            "",
            DISK.format("vda", "<alias name='ua-x'/>") + DISK.format("vdb", "<alias name='ua-x'/>"),
            "/domain/devices/disk[2]",
            "alias 'ua-x'",
        ),
        (
            "",
            DISK.format("vda", "<address type='pci' slot='0x04'/>")
            + "<interface type='user'><address type='pci' slot='4'/></interface>",
            "/domain/devices/interface/address",
            "two devices are at PCI address 0000:00:04.0",
        ),
        (
            "",
            DISK.format("hda", "") + DISK.format("hdb", "<address type='drive' controller='0' bus='0' unit='0'/>"),
            "/domain/devices/disk[2]/address",
            "two devices are at ide address",
        ),
        (
            "",
            "<controller type='scsi' index='1'/><controller type='scsi' index='1'/>",
            "/domain/devices/controller[2]/@index",
            "two controllers of type scsi have index 1",
        ),
        (
            "",
            DISK.format("vda", "<boot order='1'/>") + DISK.format("vdb", "<boot order='1'/>"),
            "/domain/devices/disk[2]/boot/@order",
            "two devices have boot order 1",
        ),
        ("", "<disk type='file'><target dev='vda'/></disk>", "/domain/devices/disk", "vda has no source"),
        (
            "",
            "<disk type='file' device='floppy'><target dev='vda' bus='virtio'/></disk>",
            "/domain/devices/disk/target/@bus",
            "a floppy cannot be on the virtio bus",
        ),
        ("", DISK.format("vda", "<driver iothread='1'/>"), "/domain/devices/disk/driver/@iothread", "no I/O thread 1"),
        (
            "",
            DISK.format(
                "vda",
                "<iotune><total_iops_sec>1</total_iops_sec><read_iops_sec>1</read_iops_sec></iotune>",
            ),
            "/domain/devices/disk/iotune",
            "total_iops_sec cannot be set together",
        ),
        ("", "<serial type='unix'/>", "/domain/devices/serial", "needs a <source>"),
        ("", "<redirdev bus='usb' type='unix'><source/></redirdev>", "/domain/devices/redirdev/source", "no path"),
        (
            "",
            "<serial type='tcp'><source mode='bind' service='1'/></serial>",
            "/domain/devices/serial/source",
            "the TCP socket has no host",
        ),
        (
            "",
            "<graphics type='vnc' listen='::1'><listen type='address' address='127.0.0.1'/></graphics>",
            "/domain/devices/graphics/@listen",
            "listen on ::1",
        ),
        (
            "",
            "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/></source></hostdev>",
            "/domain/devices/hostdev/source",
            "named by vendor and product, or by address",
        ),
        (
            "<maxMemory slots='1' unit='GiB'>4</maxMemory>",
            "<memory model='dimm'><target><size unit='MiB'>1</size></target></memory>" * 2,
            "/domain/maxMemory/@slots",
            "2 memory modules but 1 slots",
        ),
        (
            "<vcpu>2</vcpu><cputune><vcpusched vcpus='0-1' scheduler='idle'/>"
            "<vcpusched vcpus='1' scheduler='batch'/></cputune>",
            "",
            "/domain/cputune/vcpusched[2]/@vcpus",
            "CPU 1 is scheduled in two ways",
        ),
        (
            "<numatune><memory mode='strict' placement='static'/></numatune>",
            "",
            "/domain/numatune/memory",
            "static placement needs a nodeset",
        ),
        (
            "<memoryBacking><hugepages><page size='2048'/><page size='1048576'/></hugepages></memoryBacking>",
            "",
            "/domain/memoryBacking/hugepages/page[2]",
            "two page sizes are for all cells",
        ),
        (
            "<uuid>11111111-2222-3333-4444-555555555555</uuid><sysinfo type='smbios'><system>"
            "<entry name='uuid'>11111111-2222-3333-4444-555555555556</entry></system></sysinfo>",
            "",
            "/domain/sysinfo/system/entry",
            "the guest's UUID is 11111111-2222-3333-4444-555555555555",
        ),
        (
            "",
            DISK.format("vda", "<throttlefilters><throttlefilter group='x'/></throttlefilters>"),
            "/domain/devices/disk/throttlefilters/throttlefilter/@group",
            "no throttle group 'x'",
        ),
        (
            "",
            DISK.format("hda", "<address type='pci' slot='3'/>"),
            "/domain/devices/disk/address/@type",
            "a disk on the ide bus cannot have an address of type pci",
        ),
        (
            "",
            "<disk type='file' device='lun'><source file='/a'/><target dev='sda'/></disk>",
            "/domain/devices/disk/@device",
            "device='lun' needs",
        ),
        (
            "",
            "<disk type='network'><source protocol='rbd' name='x'><auth username='u'><secret type='iscsi' usage='s'/>"
            "</auth></source><target dev='vda'/></disk>",
            "/domain/devices/disk/source/auth/secret/@type",
            "a secret of type iscsi does not open rbd storage",
        ),
        (
            "",
            "<controller type='pci' index='0' model='pcie-root'><address type='pci' slot='1'/></controller>",
            "/domain/devices/controller/address",
            "in no slot itself",
        ),
        (
            "",
            "<hostdev type='mdev' model='vfio-pci'><source><address uuid='11111111-2222-3333-4444-555555555555'/>"
            "</source></hostdev>" * 2,
            "/domain/devices/hostdev[2]",
            "given to the guest twice",
        ),
        (
            "<clock offset='utc'><timer name='rtc'/><timer name='rtc'/></clock>",
            "",
            "/domain/clock/timer[2]/@name",
            "described twice",
        ),
    ],
)
def test_contradictions_are_found_where_they_are(inside, devices, path, said):
    found = faults(inside, devices)
    assert [where for where, _ in found][:1] == [path]
    assert said in found[0][1]


def test_firmware_that_cannot_keep_variables():
    xml = (
        "<domain type='kvm'><name>d</name><memory>1024</memory><os><type>hvm</type>"
        "<loader type='rom'>/usr/share/bios.bin</loader><nvram>/var/vars.fd</nvram></os></domain>"
    )
    with pytest.raises(InvalidDocument, match="only UEFI firmware in flash keeps variables"):
        check(complete(model.parse("domain", xml)))


def test_a_guest_needs_memory():
    with pytest.raises(InvalidDocument, match="the guest has no memory"):
        check(complete(model.parse("domain", "<domain type='kvm'><name>d</name><os><type>hvm</type></os></domain>")))


def test_memory_modules_do_not_overlap():
    module = (
        "<memory model='dimm'><target><size unit='MiB'>512</size></target>"
        "<address type='dimm' slot='{}' base='{}'/></memory>"
    )
    found = faults(
        "<maxMemory slots='2' unit='GiB'>8</maxMemory>",
        module.format(0, "0x100000000") + module.format(1, "0x110000000"),
    )
    assert any("the module at 0x110000000 overlaps" in said for _, said in found)


def test_a_name_is_one_line_without_slashes():
    assert faults(name="a/b") == [("/domain/name", "the name 'a/b' contains '/', which no name may")]
    assert faults(name="\u4e16\u754c #1.x") == []


def test_two_ways_to_boot_exclude_each_other():
    xml = (
        "<domain type='kvm'><name>d</name><memory>1024</memory><os><type>hvm</type><boot dev='hd'/></os><devices>"
        "<interface type='user'><boot order='1'/></interface></devices></domain>"
    )
    with pytest.raises(InvalidDocument, match="choose one of the two ways"):
        check(complete(model.parse("domain", xml)))


def test_faults_carry_the_line():
    xml = (
        "<domain type='kvm'>\n<name>d</name><memory>1024</memory>\n<os><type>hvm</type></os>\n"
        "<vcpu current='2'>1</vcpu></domain>"
    )
    with pytest.raises(InvalidDocument) as caught:
        check(complete(model.parse("domain", xml)))
    assert caught.value.faults[0].line == 4


def test_every_contradiction_is_told_at_once():
    found = faults("<currentMemory unit='GiB'>2</currentMemory>", DISK.format("vda", "") * 2)
    assert len(found) == 2


def test_companions_of_a_usb_controller_share_its_number():
    models = ("ich9-ehci1", "ich9-uhci1", "ich9-uhci2", "ich9-uhci3")
    assert faults(devices="".join(f"<controller type='usb' index='0' model='{model}'/>" for model in models)) == []


def test_cpu_sets():
    assert cpu_numbers("0-3,8,^2") == {0, 1, 3, 8}
    assert cpu_numbers("7") == {7}
    with pytest.raises(ValueError, match="backwards"):
        cpu_numbers("3-1")
