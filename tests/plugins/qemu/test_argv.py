"""Documents as command lines: for each part of a document, the options it becomes."""

# ruff: noqa: E501  (a table reads best with a row to a line)

from __future__ import annotations

import json

import pytest

DISK = "<disk type='file' device='disk'><source file='/images/a.img'/><target dev='{}' bus='{}'/></disk>"


def has(lines: list[str], option: str) -> bool:
    return option in lines


def json_option(lines: list[str], option: str, **match: object) -> dict:
    """The only ``-option {JSON}`` with these properties."""
    found = [json.loads(line.split(" ", 1)[1]) for line in lines if line.startswith(f"-{option} {{")]
    chosen = [entry for entry in found if all(entry.get(key) == value for key, value in match.items())]
    assert len(chosen) == 1, f"{len(chosen)} of {found} have {match}"
    return chosen[0]


def test_the_smallest_guest(arguments):
    lines = arguments()
    assert lines == [
        "-name guest=demo,debug-threads=on",
        "-S",
        "-machine pc-i440fx-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram,acpi=off",
        "-accel tcg",
        "-cpu qemu64",
        "-smp 1,sockets=1,cores=1,threads=1",
        "-m size=65536k",
        '-object {"qom-type":"memory-backend-ram","id":"pc.ram","size":67108864}',
        "-overcommit mem-lock=off",
        "-uuid c0ffee00-0000-4000-8000-000000000001",
        "-display none",
        "-no-user-config",
        "-nodefaults",
        "-chardev socket,id=charmonitor,"
        "path=ROOT/qemu/run/guests/c0ffee00-0000-4000-8000-000000000001/monitor,server=on,wait=off",
        "-mon chardev=charmonitor,id=monitor,mode=control",
        "-chardev pipe,id=charjournal,path=ROOT/qemu/run/guests/c0ffee00-0000-4000-8000-000000000001/events",
        "-mon chardev=charjournal,id=journal,mode=control",
        "-rtc base=utc",
        "-boot strict=on",
        '-audiodev {"id":"audio1","driver":"none"}',
        '-device {"driver":"piix3-usb-uhci","id":"usb","bus":"pci.0","addr":"0x1.0x2"}',
        '-device {"driver":"virtio-balloon-pci","id":"balloon0","bus":"pci.0","addr":"0x2"}',
        "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        "-msg timestamp=on",
    ]


OPTIONS = [
    ("acpi on", {"extra": "<features><acpi/></features>"}, "-machine pc-i440fx-7.2,usb=off,dump-guest-core=off,memory-backend=pc.ram"),
    ("kvm", {"kind": "kvm"}, "-accel kvm"),
    ("host CPU", {"kind": "kvm", "extra": "<cpu mode='host-passthrough' migratable='off'/>"}, "-cpu host,migratable=off"),
    ("maximum CPU", {"extra": "<cpu mode='maximum'/>"}, "-cpu max"),
    (
        "CPU features",
        {"extra": "<cpu mode='custom' match='exact'><model>EPYC</model><feature policy='disable' name='svm'/><feature policy='require' name='aes'/></cpu>"},
        "-cpu EPYC,svm=off,aes=on",
    ),
    (
        "topology",
        {"extra": "<vcpu>8</vcpu><cpu><topology sockets='1' dies='2' cores='2' threads='2'/></cpu>"},
        "-smp 8,sockets=1,dies=2,cores=2,threads=2",
    ),
    ("vCPUs to plug in", {"extra": "<vcpu current='2'>4</vcpu>"}, "-smp 2,maxcpus=4,sockets=4,cores=1,threads=1"),
    ("enlightenments", {"extra": "<features><hyperv><relaxed state='on'/><spinlocks state='on' retries='8191'/><vapic state='off'/></hyperv></features>"}, "-cpu qemu64,hv-relaxed=on,hv-spinlocks=0x1fff"),
    ("hidden KVM", {"kind": "kvm", "extra": "<features><kvm><hidden state='on'/></kvm></features>"}, "-cpu qemu64,kvm=off"),
    ("local time", {"extra": "<clock offset='localtime'/>"}, "-rtc base=localtime"),
    ("absolute time", {"extra": "<clock offset='absolute' start='86400'/>"}, "-rtc base=1970-01-02T00:00:00"),
    ("catch up", {"extra": "<clock offset='utc'><timer name='rtc' tickpolicy='catchup' track='guest'/></clock>"}, "-rtc base=utc,clock=vm,driftfix=slew"),
    ("no reboot", {"extra": "<on_reboot>destroy</on_reboot>"}, "-action shutdown=poweroff,reboot=shutdown"),
    ("preserve", {"extra": "<on_poweroff>preserve</on_poweroff>"}, "-action shutdown=pause,reboot=reset"),
    ("no sleep", {"extra": "<pm><suspend-to-mem enabled='no'/></pm>"}, "-global PIIX4_PM.disable_s3=1"),
    ("no sleep on q35", {"machine": "q35", "extra": "<pm><suspend-to-disk enabled='no'/></pm>"}, "-global ICH9-LPC.disable_s4=1"),
    ("memory to plug in", {"extra": "<maxMemory slots='4' unit='MiB'>256</maxMemory>"}, "-m size=65536k,slots=4,maxmem=262144k"),
    ("locked memory", {"extra": "<memoryBacking><locked/></memoryBacking>"}, "-overcommit mem-lock=on"),
    ("shared memory", {"extra": "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"}, '-object {"qom-type":"memory-backend-memfd","id":"pc.ram","size":67108864,"share":true}'),
    (
        "a cell",
        {"extra": "<vcpu>2</vcpu><cpu><numa><cell id='0' cpus='0-1' memory='64' unit='MiB'/></numa></cpu>"},
        "-numa node,nodeid=0,cpus=0-1,memdev=ram-node0",
    ),
    ("kernel", {"extra": "<os><type arch='x86_64' machine='pc'>hvm</type><kernel>/k,1</kernel><cmdline>a=b,c</cmdline></os>"}, "-append a=b,c"),
    ("boot menu", {"extra": "<os><type arch='x86_64' machine='pc'>hvm</type><bootmenu enable='yes' timeout='3000'/></os>"}, "-boot menu=on,splash-time=3000,strict=on"),
    (
        "SMBIOS",
        {"extra": "<os><type arch='x86_64' machine='pc'>hvm</type><smbios mode='sysinfo'/></os><sysinfo type='smbios'><system><entry name='product'>A, B</entry></system></sysinfo>"},
        "-smbios type=1,product=A,, B",
    ),
    ("vsock", {"devices": "<vsock model='virtio'><cid auto='no' address='4'/></vsock>"}, '-device {"driver":"vhost-vsock-pci","id":"vsock0","guest-cid":4,"bus":"pci.0","addr":"0x3"}'),
    ("tablet", {"devices": "<input type='tablet' bus='usb'/>"}, '-device {"driver":"usb-tablet","id":"input0","bus":"usb.0","port":"1"}'),
    ("panic", {"devices": "<panic model='isa'/>", "extra": "<on_crash>preserve</on_crash>"}, "-action shutdown=poweroff,reboot=reset,panic=pause"),
    ("watchdog", {"devices": "<watchdog model='i6300esb' action='pause'/>"}, "-watchdog-action pause"),
    ("randomness", {"devices": "<rng model='virtio'><backend model='random'>/dev/random</backend></rng>"}, '-object {"qom-type":"rng-random","id":"objrng0","filename":"/dev/random"}'),
    ("VNC", {"devices": "<graphics type='vnc' port='5907' autoport='no' sharePolicy='ignore'/>"}, "-vnc 127.0.0.1:7,share=ignore,audiodev=audio1"),
    ("VNC on a socket", {"devices": "<graphics type='vnc'><listen type='socket' socket='/run/a,b'/></graphics>"}, "-vnc unix:/run/a,,b,audiodev=audio1"),
    ("graphics bring a card", {"devices": "<graphics type='vnc' port='5901' autoport='no'/>"}, '-device {"driver":"cirrus-vga","id":"video0","vgamem_mb":16,"bus":"pci.0","addr":"0x2"}'),
    ("sound", {"devices": "<sound model='ich6'/>"}, '-device {"driver":"hda-duplex","id":"sound0-codec0","bus":"sound0.0","cad":0,"audiodev":"audio1"}'),
    ("port forwards", {"devices": "<interface type='user'><mac address='52:54:00:00:00:01'/><portForward proto='tcp' address='127.0.0.1'><range start='2022' to='22'/></portForward></interface>"}, "-netdev user,id=hostnet0,hostfwd=tcp:127.0.0.1:2022-:22"),
    ("a card", {"devices": "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='e1000'/></interface>"}, '-device {"driver":"e1000","netdev":"hostnet0","id":"net0","mac":"52:54:00:00:00:01","bus":"pci.0","addr":"0x2"}'),
    ("multicast", {"devices": "<interface type='mcast'><mac address='52:54:00:00:00:01'/><source address='230.0.0.1' port='5558'/></interface>"}, "-netdev socket,id=hostnet0,mcast=230.0.0.1:5558"),
    ("parallel port", {"devices": "<parallel type='file'><source path='/tmp/lp'/></parallel>"}, '-device {"driver":"isa-parallel","chardev":"charparallel0","id":"parallel0"}'),
    ("virtio console", {"devices": "<console type='pty'><target type='virtio'/></console>"}, '-device {"driver":"virtconsole","bus":"virtio-serial0.0","nr":0,"chardev":"charconsole0","id":"console0"}'),
    ("agent channel", {"devices": "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"}, '-device {"driver":"virtserialport","bus":"virtio-serial0.0","nr":1,"chardev":"charchannel0","id":"channel0","name":"org.qemu.guest_agent.0"}'),
    ("I/O thread", {"extra": "<iothreads>1</iothreads>"}, '-object {"qom-type":"iothread","id":"iothread1"}'),
    ("generation id", {"extra": "<genid>3e3fce45-4f53-4fa7-bb32-11f34168b82b</genid>"}, '-device {"driver":"vmgenid","guid":"3e3fce45-4f53-4fa7-bb32-11f34168b82b","id":"vmgenid0"}'),
    ("arguments by hand", {"extra": "<qemu:commandline><qemu:arg value='-d'/><qemu:arg value='int,cpu'/></qemu:commandline>"}, "-d int,cpu"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "expected"), [entry[1:] for entry in OPTIONS], ids=[entry[0] for entry in OPTIONS])
def test_a_part_of_a_document_becomes_an_option(arguments, options, expected):
    lines = arguments(**options)
    assert has(lines, expected), "\n".join(lines)


def test_a_raw_disk_is_one_node(arguments):
    lines = arguments(DISK.format("vda", "virtio"))
    assert json_option(lines, "blockdev") == {
        "node-name": "libvirt-1-storage",
        "driver": "file",
        "filename": "/images/a.img",
        "read-only": False,
        "discard": "unmap",
    }
    device = json_option(lines, "device", driver="virtio-blk-pci")
    assert device["drive"] == "libvirt-1-storage" and device["bootindex"] == 1


def test_a_disk_with_a_format_is_two(arguments):
    disk = DISK.format("vda", "virtio").replace("<source", "<driver name='qemu' type='qcow2' cache='none'/><source")
    lines = arguments(disk)
    lower = json_option(lines, "blockdev", driver="file")
    upper = json_option(lines, "blockdev", driver="qcow2")
    assert upper["file"] == lower["node-name"] and upper["cache"] == lower["cache"] == {
        "direct": True,
        "no-flush": False,
    }
    assert json_option(lines, "device", driver="virtio-blk-pci")["write-cache"] == "on"


def test_an_image_whose_chain_ends_does_not_open_another(arguments):
    disk = DISK.format("vda", "virtio").replace("<source", "<driver type='qcow2'/><backingStore/><source")
    assert json_option(arguments(disk), "blockdev", driver="qcow2")["backing"] is None


def test_a_chain_in_the_document_is_built_from_below(arguments):
    disk = """<disk type='file'><driver type='qcow2'/><source file='/top.qcow2'/><backingStore type='file'>
      <format type='raw'/><source file='/base.img'/><backingStore/></backingStore><target dev='vda' bus='virtio'/></disk>"""
    lines = arguments(disk)
    base = json_option(lines, "blockdev", filename="/base.img")
    assert base["read-only"] is True
    assert json_option(lines, "blockdev", driver="qcow2")["backing"] == base["node-name"]


@pytest.mark.parametrize(
    ("target", "bus", "machine", "expected"),
    [
        ("hda", "ide", "pc", {"driver": "ide-hd", "bus": "ide.0", "unit": 0}),
        ("hdd", "ide", "pc", {"driver": "ide-hd", "bus": "ide.1", "unit": 1}),
        ("sdb", "sata", "q35", {"driver": "ide-hd", "bus": "ide.1"}),
        ("sda", "scsi", "pc", {"driver": "scsi-hd", "bus": "scsi0.0", "channel": 0, "scsi-id": 0, "lun": 0}),
        ("sdc", "usb", "pc", {"driver": "usb-storage", "bus": "usb.0", "port": "1"}),
    ],
)
def test_each_bus_has_its_device_and_place(arguments, target, bus, machine, expected):
    lines = arguments(DISK.format(target, bus), machine=machine)
    device = json_option(lines, "device", driver=expected["driver"])
    assert expected.items() <= device.items()


def test_an_empty_drive_has_no_node(arguments):
    lines = arguments("<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>")
    assert "drive" not in json_option(lines, "device", driver="ide-cd")
    assert not any(line.startswith("-blockdev") for line in lines)


def test_limits_are_a_throttle_above_the_disk(arguments):
    disk = DISK.format("vda", "virtio").replace(
        "</disk>", "<iotune><total_iops_sec>100</total_iops_sec></iotune></disk>"
    )
    lines = arguments(disk)
    group = next(json.loads(line.split(" ", 1)[1]) for line in lines if "throttle-group" in line and "qom-type" in line)
    assert group["limits"] == {"iops-total": 100}
    assert json_option(lines, "device", driver="virtio-blk-pci")["drive"] == "libvirt-1-throttle"


def test_boot_order_of_devices_wins(arguments):
    first = DISK.format("vda", "virtio").replace("</disk>", "<boot order='2'/></disk>")
    second = DISK.format("vdb", "virtio").replace("</disk>", "<boot order='1'/></disk>")
    lines = arguments(first + second)
    assert json_option(lines, "device", id="virtio-disk0")["bootindex"] == 2
    assert json_option(lines, "device", id="virtio-disk1")["bootindex"] == 1


def test_classes_to_boot_from_mean_the_first_of_each(arguments):
    system = "<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='network'/><boot dev='hd'/></os>"
    lines = arguments(DISK.format("vda", "virtio") + "<interface type='user'/>", extra=system)
    assert json_option(lines, "device", id="net0")["bootindex"] == 1
    assert json_option(lines, "device", id="virtio-disk0")["bootindex"] == 2


def test_firmware_in_flash_is_two_nodes_of_the_machine(arguments):
    system = """<os><type arch='x86_64' machine='q35'>hvm</type>
      <loader readonly='yes' type='pflash'>/fw/code.fd</loader><nvram>/var/vars.fd</nvram></os>"""
    lines = arguments(extra=system)
    machine = next(line for line in lines if line.startswith("-machine"))
    assert "pflash0=libvirt-pflash0-format,pflash1=libvirt-pflash1-format" in machine
    assert json_option(lines, "blockdev", **{"node-name": "libvirt-pflash0-format"})["read-only"] is True
    assert json_option(lines, "blockdev", **{"node-name": "libvirt-pflash1-format"})["read-only"] is False


def test_consoles_are_logged_with_nobody_attached(arguments):
    lines = arguments("<serial type='pty'/>")
    uuid = "c0ffee00-0000-4000-8000-000000000001"
    assert f"-chardev pty,id=charserial0,logfile=ROOT/qemu/log/{uuid}.serial0.log,logappend=on" in lines
    assert json_option(lines, "device", driver="isa-serial")["chardev"] == "charserial0"
    assert not any("charconsole" in line for line in lines), (
        "a console that is the serial port has no device of its own"
    )


def test_hostile_text_stays_where_it_belongs(arguments):
    devices = DISK.format("vda", "virtio").replace("/images/a.img", "/a,file.locking=off.img")
    lines = arguments(devices, name="x,debug-threads=off -S")
    assert "-name guest=x,,debug-threads=off -S,debug-threads=on" in lines
    assert json_option(lines, "blockdev")["filename"] == "/a,file.locking=off.img"


def test_arguments_by_hand_taint_the_guest(plan):
    made = plan(extra="<qemu:commandline><qemu:arg value='-S'/><qemu:env name='A' value='1'/></qemu:commandline>")
    assert made.environment == {"A": "1"} and any(taint.startswith("custom-argv") for taint in made.taints)


def test_a_pseudo_terminal_has_to_be_asked_for(plan):
    assert plan("<serial type='pty'/>").asks_chardevs
    assert not plan("<serial type='null'/>").asks_chardevs
