"""What the driver cannot do it refuses by name; nothing in a document is dropped in silence."""

# ruff: noqa: E501  (a table reads best with a row to a line)

from __future__ import annotations

import pytest

from polyvisor.errors import UnsupportedConfiguration

DISK = "<disk type='file'><source file='/a.img'/><target dev='vda' bus='virtio'/>{}</disk>"

REFUSED = [
    ("another hypervisor", {"kind": "xen"}, "type='xen'"),
    ("an unknown machine", {"machine": "pc-q35-99.0"}, "no machine type 'pc-q35-99.0'"),
    ("a machine we do not know", {"machine": "microvm"}, "microvm"),
    ("IDE on q35", {"machine": "q35", "devices": "<disk type='file'><source file='/a'/><target dev='hda' bus='ide'/></disk>"}, "type='ide'.*use sata"),
    ("a network disk", {"devices": "<disk type='network'><source protocol='nbd' name='x'><host name='h' port='1'/></source><target dev='vda' bus='virtio'/></disk>"}, "protocol='nbd' of <source> in <disk> vda"),
    ("an encrypted disk", {"devices": DISK.format("<encryption format='luks'><secret type='passphrase' uuid='3e3fce45-4f53-4fa7-bb32-11f34168b82b'/></encryption>")}, "<encryption> of <disk> vda"),
    ("a transient disk", {"devices": DISK.format("<transient/>")}, "<transient> of <disk> vda"),
    ("an unknown format", {"devices": DISK.format("<driver type='iso'/>")}, "type='iso'.*none of"),
    ("a disk without a source", {"devices": "<disk type='file'><target dev='vda' bus='virtio'/></disk>"}, "has no <source>"),
    ("a SCSI unit", {"devices": "<disk type='block' device='lun'><source dev='/dev/sda'/><target dev='sda' bus='scsi'/></disk>"}, "device='lun'"),
    ("a virtual network", {"devices": "<interface type='network'><source network='default'/></interface>"}, "<interface type='network'>"),
    ("a script", {"devices": "<interface type='user'><script path='/bin/sh'/></interface>"}, "<script>"),
    ("a host device", {"devices": "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='0' slot='1' function='0'/></source></hostdev>"}, "<hostdev>"),
    ("a TPM", {"devices": "<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>"}, "<tpm>"),
    ("a file system", {"devices": "<filesystem type='mount'><source dir='/a'/><target dir='b'/></filesystem>"}, "<filesystem>"),
    ("SDL", {"devices": "<graphics type='sdl'/>"}, "<graphics type='sdl'>"),
    ("a VNC password", {"devices": "<graphics type='vnc' passwd='x'/>"}, "passwd"),
    ("pinned vCPUs", {"extra": "<cputune><vcpupin vcpu='0' cpuset='0'/></cputune>"}, "<cputune>"),
    ("NUMA placement", {"extra": "<numatune><memory mode='strict' nodeset='0'/></numatune>"}, "<numatune>"),
    ("memory limits", {"extra": "<memtune><hard_limit unit='MiB'>64</hard_limit></memtune>"}, "<memtune>"),
    ("restart at power off", {"extra": "<on_poweroff>restart</on_poweroff>"}, "on_poweroff>restart"),
    ("SMBIOS of the host", {"extra": "<os><type arch='x86_64' machine='pc'>hvm</type><smbios mode='host'/></os>"}, "smbios mode='host'"),
    ("a paravirtual guest", {"extra": "<os><type>linux</type></os>"}, "hvm"),
    ("the host's CPU without KVM", {"extra": "<cpu mode='host-passthrough'/>"}, "needs type='kvm'"),
    ("a console without a port", {"devices": "<console type='pty'><target type='sclp'/></console>"}, "sclp"),
    ("an I/O thread that is not there", {"devices": DISK.format("<driver iothread='3'/>")}, "iothread=3.*does not exist"),
    ("a guest that encrypts", {"extra": "<launchSecurity type='sev'><policy>0x0003</policy></launchSecurity>"}, "<launchSecurity>"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "words"), [entry[1:] for entry in REFUSED], ids=[entry[0] for entry in REFUSED])
def test_it_is_refused_by_name(plan, options, words):
    with pytest.raises(UnsupportedConfiguration, match=words) as caught:
        plan(**options)
    assert caught.value.driver == "qemu"


def test_a_refusal_says_at_which_line(plan):
    devices = "\n\n<hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source></hostdev>"
    with pytest.raises(UnsupportedConfiguration, match=r"line \d+: <hostdev>"):
        plan(devices)


@pytest.mark.parametrize("name", ["qemu64,host-phys-bits=on", "-x2apic", "a=b"])
def test_a_cpu_model_is_a_name_and_nothing_else(plan, name):
    with pytest.raises(UnsupportedConfiguration, match="is not a name"):
        plan(extra=f"<cpu mode='custom' match='exact'><model>{name}</model></cpu>")
