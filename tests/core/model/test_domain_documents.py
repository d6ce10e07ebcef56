"""Domain documents: read, written, and the same again."""

from __future__ import annotations

import pytest
from lxml import etree

from polyvisor import model
from polyvisor.errors import InvalidDocument
from polyvisor.model.domain import DiskBus, DiskType, Domain, DomainType, PciAddress
from polyvisor.model.domain.devices.chardev import UdpSource
from polyvisor.model.domain.devices.storage import RbdSource
from polyvisor.units import GiB, MiB


def parse(xml: bytes | str) -> Domain:
    found = model.parse("domain", xml)
    assert isinstance(found, Domain)
    return found


def domain(inside: str = "", devices: str = "") -> Domain:
    return parse(
        f"<domain type='kvm'><name>d</name><memory unit='GiB'>1</memory><vcpu>4</vcpu>"
        f"<os><type>hvm</type></os>{inside}<devices>{devices}</devices></domain>"
    )


def test_what_is_written_reads_as_the_same_document(sample):
    first = parse(sample)
    assert parse(model.format(first, secure=True)) == first


def test_writing_is_stable(sample):
    once = model.format(parse(sample), secure=True)
    assert model.format(parse(once), secure=True) == once


def test_nothing_is_lost(sample):
    """Every element, attribute and text of the source is in the output, though spelled our way."""
    source, output = etree.fromstring(sample), etree.fromstring(model.format(parse(sample), secure=True))
    for node in source.iter():
        path = source.getroottree().getelementpath(node)
        twin = output if path == "." else output.find(path)
        assert twin is not None, path
        assert set(node.attrib) <= set(twin.attrib), path
        assert (node.text or "").strip() == (twin.text or "").strip(), path


def test_reading_gives_python_values():
    found = domain(
        devices="<disk type='block' device='disk'><source dev='/dev/sdz'/><target dev='vda' bus='virtio'/><readonly/>"
        "<address type='pci' bus='0x1f' slot='0x0a'/></disk>"
    )
    (disk,) = found.devices.disks
    assert found.type is DomainType.KVM
    assert (disk.type, disk.target.bus, disk.readonly) == (DiskType.BLOCK, DiskBus.VIRTIO, True)
    assert isinstance(disk.address, PciAddress)
    assert (disk.address.bus, disk.address.slot, disk.address.function) == (31, 10, None)


def test_the_order_of_elements_does_not_matter():
    xml = "<domain type='kvm'>{}<devices/></domain>"
    parts = ["<name>d</name>", "<memory>1024</memory>", "<os><boot dev='hd'/><type>hvm</type></os>"]
    assert parse(xml.format("".join(parts))) == parse(xml.format("".join(reversed(parts))))


@pytest.mark.parametrize(
    ("written", "kib"),
    [
        ("<memory>2048</memory>", 2048),
        ("<memory unit='KiB'>2048</memory>", 2048),
        ("<memory unit='k'>2048</memory>", 2048),
        ("<memory unit='KB'>1024</memory>", 1000),
        ("<memory unit='b'>1025</memory>", 2),
        ("<memory unit='bytes'>4096</memory>", 4),
        ("<memory unit='M'>3</memory>", 3072),
        ("<memory unit='MB'>1</memory>", 977),
        ("<memory unit='GiB'>1</memory>", 1048576),
        ("<memory unit='T'>1</memory>", 1073741824),
        ("<memory unit='PiB'>1</memory>", 2**40),
        ("<memory unit='EB'>1</memory>", 976562500000000),
    ],
)
def test_memory_counts_in_every_unit(written, kib):
    found = parse(f"<domain type='kvm'><name>d</name>{written}<os><type>hvm</type></os></domain>")
    assert found.memory_kib == kib


def test_the_sizes_a_driver_asks_for():
    found = domain("<currentMemory unit='MiB'>512</currentMemory><maxMemory slots='4' unit='GiB'>8</maxMemory>")
    assert found.memory_kib == GiB(1).kib
    assert found.current_memory_kib == MiB(512).kib
    assert found.max_memory_kib == GiB(8).kib
    assert found.vcpu_count == found.max_vcpu_count == 4
    assert parse("<domain type='kvm'><name>d</name><vcpu current='2'>8</vcpu></domain>").vcpu_count == 2


def test_a_source_is_of_the_class_its_disk_type_says():
    found = domain(
        devices="<disk type='network'><source protocol='rbd' name='pool/x'><host name='a' port='1'/></source>"
        "<target dev='vda'/></disk>"
    )
    source = found.devices.disks[0].source
    assert isinstance(source, RbdSource)
    assert source.hosts[0].port == 1


def test_udp_devices_have_two_ends():
    found = domain(
        devices="<serial type='udp'><source mode='connect' service='9'/><source mode='bind' service='8'/></serial>"
    )
    assert [(type(end), end.mode) for end in found.devices.serials[0].sources] == [
        (UdpSource, "connect"),
        (UdpSource, "bind"),
    ]


def test_metadata_is_kept_word_for_word():
    kept = '<acme:rack xmlns:acme="urn:acme" row="3"><acme:unit>7</acme:unit></acme:rack>'
    found = domain(f"<metadata>{kept}</metadata>")
    assert kept in model.format(found)


def test_text_is_escaped_and_comes_back():
    hostile = "<&\"'> \u00e9\u4e16 --> ]]>"
    built = domain().replace(title=hostile)
    assert parse(model.format(built)).title == hostile


def test_foreign_elements_of_nobody_are_refused():
    with pytest.raises(InvalidDocument, match="no installed driver"):
        parse("<domain type='kvm' xmlns:q='urn:q'><name>d</name><os><type>hvm</type></os><q:x/></domain>")


def test_elements_know_their_line(server):
    lines = server.decode().splitlines()
    disk = parse(server).devices.disks[1]
    assert "<disk type='file' device='cdrom'>" in lines[disk.line - 1]


@pytest.mark.parametrize("name", ["br0", "VM Network", "Prod (VLAN 5)", "Süd #2 & mehr", "vlan@eth0"])
def test_bridges_and_port_groups_have_the_names_that_people_give_them(name):
    found = domain(devices="<interface type='bridge'><source bridge='br0'/></interface>")
    found.devices.interfaces[0].source.bridge = name
    again = parse(model.format(found))
    assert again.devices.interfaces[0].source.bridge == name


@pytest.mark.parametrize("name", ["", " ", "one&#10;two", " br0"])
def test_a_bridge_has_a_name_on_one_line(name):
    with pytest.raises(InvalidDocument, match="bridge"):
        domain(devices=f"<interface type='bridge'><source bridge='{name}'/></interface>")
