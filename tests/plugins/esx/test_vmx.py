"""VMX files read and written; datastore paths and names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyvisor import model
from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor.model.domain import Domain
from polyvisor_esx import datastores, native, times, vmxfile
from polyvisor_esx.layout import lay_out
from polyvisor_esx.model import CLASSES
from polyvisor_esx.vmx_reading import from_vmx
from polyvisor_esx.vmx_writing import to_vmx

BASE = 'config.version = "8"\nvirtualHW.version = "10"\ndisplayName = "web"\n'


def read(lines: str = "") -> Domain:
    return from_vmx(BASE + lines)


def document(devices: str = "", inside: str = "") -> Domain:
    text = f"""<domain type='vmware'><name>web</name><memory unit='MiB'>512</memory>{inside}
      <os><type arch='x86_64'>hvm</type></os><devices>{devices}</devices></domain>"""
    config = model.parse("domain", text, contributions=CLASSES)
    assert isinstance(config, Domain)
    return model.complete("domain", lay_out(config))


def written(config: Domain, hardware: int = 10) -> vmxfile.Settings:
    return vmxfile.parse(to_vmx(config, hardware=hardware))


# -- the file ----------------------------------------------------------------------------------------------------


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x7f\x85\u2028\u2029")))
def test_any_value_comes_back(value: str) -> None:
    assert vmxfile.parse(vmxfile.write([("annotation", value)]))["Annotation"] == value


def test_a_file_is_in_the_encoding_it_names() -> None:
    text = '.encoding = "windows-1252"\nannotation = "Gr\u00fc\u00dfe"\n'
    assert vmxfile.parse(text.encode("cp1252"))["annotation"] == "Gr\u00fc\u00dfe"
    with pytest.raises(InvalidArgument, match="line 1: the value of annotation is not in utf-8"):
        vmxfile.parse('annotation = "Gr\u00fc\u00dfe"'.encode("cp1252"))
    with pytest.raises(InvalidArgument, match="not known here"):
        vmxfile.parse(b'.encoding = "klingon"')
    with pytest.raises(InvalidArgument, match="rot13"):
        vmxfile.parse(b'.encoding = "rot13"')


def test_text_is_in_no_encoding_but_where_bytes_are_left_in_it() -> None:
    text = '.encoding = "windows-1252"\nannotation = "Gr\u00fc\u00dfe"'
    assert vmxfile.parse(text)["annotation"] == "Gr\u00fc\u00dfe"
    assert vmxfile.parse(text.encode("cp1252").decode(errors="surrogateescape"))["annotation"] == "Gr\u00fc\u00dfe"


def test_a_flag_that_is_empty_is_not_set() -> None:
    assert vmxfile.parse('RemoteDisplay.vnc.enabled = ""').flag("RemoteDisplay.vnc.enabled", True) is True


@pytest.mark.parametrize(
    "lines, words",
    [
        ("no setting", "line 4"),
        ('uuid.bios = "12"', "no UUID"),
        ('numvcpus = "two"', "no whole number"),
        ('numvcpus = "-1"', "from 0 to 65535"),
        ('memsize = "-5"', "memsize = -5 is not from 0"),
        ('memsize = "99999999999999999999"', "memsize = 99999999999999999999 is not from 0"),
        ('sched.mem.minsize = "-1"', "sched.mem.minsize"),
        ('isolation.tools.hgfs.disable = "FALSE"\nsharedFolder.maxnum = "9999999999"', "sharedFolder.maxnum"),
        ('RemoteDisplay.vnc.enabled = "TRUE"\nRemoteDisplay.vnc.port = "99999"', "from 0 to 65535"),
        ("\x1b[2J", "\\x1b[2J"),
        ('numvcpus = "3"\ncpuid.coresPerSocket = "2"', "sockets of 2"),
        ('sched.cpu.affinity = "0,x"', "numbers of CPUs"),
        ('smbios.reflecthost = "maybe"', "neither TRUE nor FALSE"),
        ('ide0:0.present = "TRUE"\nide0:0.deviceType = "disk"', "has no fileName"),
        ('ethernet0.present = "TRUE"\nethernet0.addressType = "magic"', "none of generated"),
        ('serial0.present = "TRUE"\nserial0.fileType = "network"\nserial0.fileName = "tcp://host"', "names no port"),
        ('serial0.present = "TRUE"\nserial0.fileType = "network"\nserial0.fileName = "tcp://[::1"', "is no URI"),
        (
            'ethernet0.present = "TRUE"\nethernet0.addressType = "static"\nethernet0.address = "a:b"',
            "is no MAC address",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(lines: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(words)):
        read(lines)


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "there is no config.version"),
        ('config.version = "7"', "config.version is 7"),
        ('config.version = "8"\nvirtualHW.version = "3"', "virtualHW.version is 3"),
        (BASE + 'ethernet0.present = "TRUE"\nethernet0.connectionType = "hostonly"', "hostonly"),
        (BASE + 'ide0:0.present = "TRUE"\nide0:0.deviceType = "tape"', "no kind of disk"),
        (BASE + 'scsi0.present = "TRUE"\nscsi0.virtualDev = "adaptec"\nscsi0:0.present = "TRUE"\n'
         'scsi0:0.fileName = "a.vmdk"', "no SCSI controller"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match=re.escape(words)):
        from_vmx(text)


def test_a_name_is_needed() -> None:
    with pytest.raises(InvalidArgument, match="displayName"):
        from_vmx('config.version = "8"\nvirtualHW.version = "10"\n')


# -- there and back ----------------------------------------------------------------------------------------------

DEVICES = [
    "<disk type='file' device='disk'><driver cache='writethrough'/><source file='[ds] web/a.vmdk'/>"
    "<target dev='sda' bus='scsi'/></disk><controller type='scsi' index='0' model='vmpvscsi'/>",
    "<disk type='file' device='disk'><source file='[ds] web/b.vmdk'/><target dev='sdp' bus='scsi'/><transient/></disk>",
    "<disk type='file' device='disk'><source file='[ds] web/c.vmdk'/><target dev='sdb' bus='sata'/></disk>",
    "<disk type='file' device='cdrom'><source file='[isos] x.iso'/><target dev='hda' bus='ide'/></disk>",
    "<disk type='file' device='cdrom'><target dev='hdb' bus='ide'/></disk>",
    "<disk type='block' device='cdrom'><source dev='/dev/cdrom'/><target dev='hdc' bus='ide'/></disk>",
    "<disk type='block' device='lun'><source startupPolicy='optional'/><target dev='hdd' bus='ide'/></disk>",
    "<disk type='file' device='floppy'><source file='[ds] web/f.flp'/><target dev='fda' bus='fdc'/></disk>",
    "<interface type='bridge'><mac address='00:0c:29:00:00:01'/><source bridge='VM Network'/><model type='vmxnet3'/>"
    "</interface>",
    "<interface type='user'><mac address='00:50:56:00:00:01'/></interface>",
    "<interface type='user'><mac address='00:50:56:00:00:01'/><link state='down'/></interface>",
    "<interface type='null'><mac address='00:50:56:9a:00:01'/></interface>",
    "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='LAN'/><target dev='vmnet3'/>"
    "</interface>",
    "<interface type='vds'><mac address='00:50:56:9a:00:02'/><source switchid='503426b2-94e9-3b16-1d68-87bfff4a5440' "
    "portid='5' portgroupid='dvportgroup-1285' connectionid='408217997'/></interface>",
    "<serial type='tcp'><source mode='bind' host='0.0.0.0' service='4000'/><protocol type='telnet'/><target port='0'/>"
    "</serial>",
    "<serial type='pipe'><source path='p'/><target port='0'/></serial>",
    "<parallel type='dev'><source path='/dev/parport0'/><target port='0'/></parallel>",
    "<graphics type='vnc' port='5901' keymap='de' passwd='geheim'/>",
    "<filesystem type='mount'><source dir='/srv/share'/><target dir='share'/><readonly/></filesystem>",
]


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_survives_the_way_there_and_back(device: str) -> None:
    first = to_vmx(document(device), hardware=10)
    assert to_vmx(lay_out(from_vmx(first)), hardware=10).count("\n") >= first.count("\n")
    again = dict(vmxfile.parse(to_vmx(from_vmx(first), hardware=10)))
    again.pop("svga.vramsize", None)  # a file without a video card gets one when it is read
    kept = {key: value for key, value in vmxfile.parse(first).items() if key != "svga.vramsize"}
    loosened = {key: value for key, value in again.items() if key in kept or not key.endswith("checkmacaddress")}
    assert loosened == kept


@pytest.mark.parametrize(
    "inside",
    [
        "<genid>13c67c91-9f47-526f-b0d6-e4dd2e4bb4f9</genid>",
        "<description>two\nlines and a \"quote\" | pipe</description>",
        "<memtune><min_guarantee unit='MiB'>128</min_guarantee></memtune>",
        "<vcpu cpuset='0,2-3'>2</vcpu><cputune><shares>2000</shares></cputune>",
        "<vcpu>4</vcpu><cpu><topology sockets='2' cores='2' threads='1'/></cpu>",
    ],
)  # fmt: skip
def test_the_rest_survives(inside: str) -> None:
    first = written(document(inside=inside))
    again = vmxfile.parse(to_vmx(from_vmx(to_vmx(document(inside=inside), hardware=10)), hardware=10))
    assert {**again, "svga.vramsize": "", "uuid.bios": ""} == {**first, "svga.vramsize": "", "uuid.bios": ""}


# -- writing -----------------------------------------------------------------------------------------------------


def test_fifteen_disks_go_on_a_scsi_controller_and_none_is_the_controller_itself() -> None:
    disks = "".join(
        f"<disk type='file' device='disk'><source file='[ds] {name}.vmdk'/><target dev='{name}' bus='scsi'/></disk>"
        for name in ("sda", "sdg", "sdh", "sdo", "sdp")
    )
    found = written(document(disks))
    assert [key for key in found if key.endswith(".filename")] == [
        f"scsi{place}.filename" for place in ("0:0", "0:6", "0:8", "0:15", "1:0")
    ]


@pytest.mark.parametrize(
    "devices, words",
    [
        ("<disk type='file' device='disk'><source file='a.qcow2'/><target dev='sda' bus='scsi'/></disk>", ".vmdk"),
        ("<disk type='file' device='disk'><source file='a.vmdk'/><target dev='vda' bus='virtio'/></disk>", "virtio"),
        ("<interface type='bridge'><source bridge='b'/><model type='rtl8139'/></interface>", "rtl8139"),
        ("<interface type='network'><source network='b'/></interface>", "type network"),
        ("<graphics type='spice'/>", "spice"),
        ("<video><model type='qxl'/></video>", "qxl"),
        ("<serial type='pty'/>", "pty"),
        ("<sound model='ich6'/>", "<sound>"),
    ],
)
def test_what_vmware_has_not_is_refused_by_name(devices: str, words: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match=re.escape(words)):
        written(document(devices))


@pytest.mark.parametrize("hardware", [3, 99])
def test_hardware_has_to_be_known(hardware: int) -> None:
    with pytest.raises(UnsupportedConfiguration, match=f"version {hardware}"):
        written(document(), hardware)


def test_old_hardware_has_processors_in_pairs() -> None:
    config = document(inside="<vcpu>3</vcpu>")
    assert written(config)["numvcpus"] == "3"
    with pytest.raises(UnsupportedConfiguration, match="even number"):
        written(config, 4)


# -- datastores and times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, datastore, directory, name",
    [
        ("[ds 1] a/b/c.vmdk", "ds 1", "a/b", "c.vmdk"),
        ("[ds] c.vmdk", "ds", "", "c.vmdk"),
        ("[ds] a/", "ds", "a", ""),
        ("[ds]", "ds", "", ""),
    ],
)
def test_datastore_paths(text: str, datastore: str, directory: str, name: str) -> None:
    found = datastores.parse_path(text)
    assert (found.datastore, found.directory, found.name) == (datastore, directory, name)
    assert str(found) == text
    if name:
        assert datastores.from_mounted(found.mounted) == found


@pytest.mark.parametrize("text", ["", "ds", "[ds", "[] a", "ds] a", "[a/b] c", "[ds]a"])
def test_what_is_no_datastore_path(text: str) -> None:
    with pytest.raises(InvalidArgument, match="no datastore path"):
        datastores.parse_path(text)


@pytest.mark.parametrize(
    "name, file",
    [("plain (1)", "plain (1)"), ("a/b", "a+JQ-2fb"), ("a:b", "a_b"), ("\u00fc", "+w7w")],
)
def test_names_of_files(name: str, file: str) -> None:
    assert datastores.escape_item(name) == file


def test_times_have_a_zone_or_are_utc() -> None:
    assert times.seconds("1970-01-01T01:00:00+01:00") == times.seconds("1970-01-01T00:00:00Z") == 0
    assert times.seconds("1970-01-01T00:00:05") == 5
    with pytest.raises(InvalidArgument, match="no date and time"):
        times.seconds("yesterday")


@pytest.mark.parametrize(
    "device, lost",
    [
        ("<interface type='bridge'><source bridge='LAN'/><mtu size='9000'/></interface>", "<mtu> in <interface>"),
        ("<interface type='bridge'><source bridge='LAN'/><filterref filter='x'/></interface>", "<filterref>"),
        (
            "<disk type='file'><source file='[ds] a.vmdk'/><target dev='sda'/><shareable/></disk>",
            "<shareable> in <disk>",
        ),
        ("<disk type='file'><source file='[ds] a.vmdk'/><target dev='sda'/><readonly/></disk>", "<readonly>"),
        ("<watchdog model='i6300esb'/>", "<watchdog> in <devices>"),
        ("<controller type='virtio-serial'/>", "virtio-serial"),
        ("<input type='tablet' bus='usb'/>", "bus='usb'"),
    ],
)
def test_what_would_be_gone_is_refused_before_it_is_stored(device: str, lost: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match=re.escape(lost)):
        native.refuse_lost(document(device))


@pytest.mark.parametrize(
    "inside", ["<cputune><quota>5000</quota></cputune>", "<memtune><hard_limit>9</hard_limit></memtune>"]
)
def test_so_is_tuning_that_vmware_has_not(inside: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match="VMware keeps no"):
        native.refuse_lost(document(inside=inside))


@pytest.mark.parametrize("device", DEVICES)
def test_what_a_file_has_words_for_is_kept(device: str) -> None:
    native.refuse_lost(document(device))
