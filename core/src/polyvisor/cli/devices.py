"""Devices of a domain: adding, changing and taking them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.inventory import device_xml, find_disk, find_interface, find_memory, set_requested
from polyvisor.cli.parameters import affects, data, domain, flag, read_file, size_kib, texts, xml_file
from polyvisor.operations.records import Affect

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.objects.domain import Domain

device_file = xml_file(help="File with the device's XML; - is standard input.")
timeout = click.option(
    "--timeout", type=click.FloatRange(min=0), default=20.0, show_default=True, help="Seconds to wait for the guest."
)
print_xml = flag("print-xml", "Print the device's XML and do nothing.")


def effect(found: Domain, affect: Affect, persistent: bool) -> Affect:
    """Which configuration is meant; ``--persistent`` is the stored one, and the running domain if it runs."""
    if not persistent:
        return affect
    return Affect.BOTH if affect is Affect.LIVE or found.is_active else Affect.CONFIG


@command("attach-device")
@domain()
@device_file
@affects(persistent=True)
def attach_device(shell: Shell, domain: str, file: str, affect: Affect, persistent: bool) -> None:
    """The document is the element of one device: <disk>, <interface>, ..."""
    found = shell.domain(domain)
    found.attach_device(read_file(file), affect=effect(found, affect, persistent))
    shell.done("Device attached successfully")


@command("detach-device")
@domain()
@device_file
@timeout
@affects(persistent=True)
def detach_device(shell: Shell, domain: str, file: str, timeout: float, affect: Affect, persistent: bool) -> None:
    """The document says which device is meant, as much as it takes to tell it from others."""
    found = shell.domain(domain)
    found.detach_device(read_file(file), affect=effect(found, affect, persistent), timeout=timeout)
    shell.done("Device detached successfully")


@command("detach-device-alias")
@domain()
@data("alias", help="Name in the device's <alias>.")
@timeout
@affects()
def detach_device_alias(shell: Shell, domain: str, alias: str, timeout: float, affect: Affect) -> None:
    """Returns when the guest has let go of the device."""
    shell.domain(domain).detach_device_alias(alias, affect=affect, timeout=timeout)
    shell.done("Device detach request sent successfully" if timeout == 0 else "Device detached successfully")


@command("update-device")
@domain()
@device_file
@flag("force", "Eject a medium even if the guest has locked it.")
@affects(persistent=True)
def update_device(shell: Shell, domain: str, file: str, force: bool, affect: Affect, persistent: bool) -> None:
    """A medium, a link state, a filter, a password: what the device can change in place."""
    found = shell.domain(domain)
    found.update_device(read_file(file), affect=effect(found, affect, persistent), force=force)
    shell.done("Device updated successfully")


def _attach(shell: Shell, domain: str, xml: str, only_print: bool, affect: Affect, persistent: bool, done: str) -> None:
    if only_print:
        shell.data({"xml": xml}, xml.rstrip("\n"))
        return
    found = shell.domain(domain)
    found.attach_device(xml, affect=effect(found, affect, persistent))
    shell.done(done)


_DISK_OPTIONS = {
    "targetbus": "Bus of the target: virtio, scsi, sata, usb, ...",
    "driver": "Name of the driver: qemu, ...",
    "subdriver": "Format of the image: raw, qcow2, ...",
    "iothread": "Number of the IOThread to serve it.",
    "cache": "Cache mode: none, writeback, ...",
    "io": "I/O mode: native, threads, io_uring.",
    "serial": "Serial number.",
    "wwn": "World wide name.",
    "alias": "Name in <alias>.",
    "address": "Address: pci:0000.00.0a.0, ccw:fe.0.0000, scsi:0.0.0, sata:0.0.0, usb:0.0 or virtio-mmio.",
}


@command("attach-disk")
@domain()
@data("source", help="Image file, device, or name on the network; empty for a drive without a medium.")
@data("target", help="Name in the guest: vda, sdb, ...")
@click.option("--type", "device", type=click.Choice(("disk", "cdrom", "floppy", "lun")), help="Kind of drive.")
@click.option("--mode", type=click.Choice(("readonly", "shareable")), help="How the guest may use it.")
@click.option(
    "--sourcetype", type=click.Choice(("file", "block", "network")), help="What the source is; default: what it is."
)
@click.option("--source-protocol", metavar="NAME", help="Protocol of a source on the network.")
@click.option("--source-host-name", metavar="HOST[:PORT]", help="Server of a source on the network.")
@click.option("--source-host-transport", metavar="NAME", help="Transport to that server: tcp, rdma, unix.")
@click.option("--source-host-socket", metavar="PATH", help="Socket of that server.")
@texts(_DISK_OPTIONS)
@flag("multifunction", "Use multifunction PCI at the address.")
@flag("rawio", "Allow raw I/O.")
@print_xml
@affects(persistent=True)
def attach_disk(shell: Shell, domain: str, print_xml: bool, affect: Affect, persistent: bool, **options: Any) -> None:
    """For what these options cannot say, write the XML and use attach-device."""
    from polyvisor.cli.devicexml import disk_xml

    _attach(shell, domain, disk_xml(**options), print_xml, affect, persistent, "Disk attached successfully")


@command("attach-interface")
@domain()
@data("type", type=click.Choice(("network", "bridge", "direct", "hostdev", "user", "ethernet")), help="Kind of link.")
@data("source", help="Network, bridge, or device that it is linked to.")
@data("target", required=False, help="Name of the device on the host.")
@data("mac", required=False, help="MAC address.")
@data("script", required=False, help="Script that sets the device up.")
@data("model", required=False, help="Model: virtio, e1000e, ...")
@click.option("--alias", metavar="NAME", help="Name in <alias>.")
@click.option("--inbound", metavar="AVERAGE[,PEAK,BURST,FLOOR]", help="Limits on what the guest receives, in KiB.")
@click.option("--outbound", metavar="AVERAGE[,PEAK,BURST]", help="Limits on what the guest sends, in KiB.")
@click.option("--source-mode", metavar="MODE", help="Mode of a direct link: bridge, vepa, private, passthrough.")
@flag("managed", "Take a host device from its driver, and give it back.")
@print_xml
@affects(persistent=True)
def attach_interface(
    shell: Shell, domain: str, print_xml: bool, affect: Affect, persistent: bool, **options: Any
) -> None:
    """For what these options cannot say, write the XML and use attach-device."""
    from polyvisor.cli.devicexml import interface_xml

    _attach(shell, domain, interface_xml(**options), print_xml, affect, persistent, "Interface attached successfully")


def _detach(
    shell: Shell, found: Domain, xml: str, only_print: bool, affect: Affect, persistent: bool, done: str
) -> None:
    if only_print:
        shell.data({"xml": xml}, xml.rstrip("\n"))
        return
    found.detach_device(xml, affect=effect(found, affect, persistent))
    shell.done(done)


@command("detach-disk")
@domain()
@data("target", help="Name in the guest: vda, sdb, ...")
@print_xml
@affects(persistent=True)
def detach_disk(shell: Shell, domain: str, target: str, print_xml: bool, affect: Affect, persistent: bool) -> None:
    """The image stays."""
    found = shell.domain(domain)
    disk = find_disk(found, target, inactive=affect is Affect.CONFIG)
    _detach(shell, found, device_xml(disk), print_xml, affect, persistent, "Disk detached successfully")


@command("detach-interface")
@domain()
@data("type", help="Kind of link: network, bridge, ...")
@data("mac", required=False, help="MAC address, if there are several of the kind.")
@print_xml
@affects(persistent=True)
def detach_interface(
    shell: Shell, domain: str, type: str, mac: str | None, print_xml: bool, affect: Affect, persistent: bool
) -> None:
    """The network stays."""
    found = shell.domain(domain)
    interface = find_interface(found, mac, type=type, inactive=affect is Affect.CONFIG)
    _detach(shell, found, device_xml(interface), print_xml, affect, persistent, "Interface detached successfully")


@command("domif-setlink")
@domain()
@data("interface", help="MAC address or name on the host.")
@data("state", type=click.Choice(("up", "down")), help="State of the link.")
@print_xml
@affects(persistent=True)
def domif_setlink(
    shell: Shell, domain: str, interface: str, state: str, print_xml: bool, affect: Affect, persistent: bool
) -> None:
    """As if the cable were plugged in or pulled out."""
    found = shell.domain(domain)
    element = find_interface(found, interface, inactive=affect is Affect.CONFIG)
    link = element.find("link")
    if link is None:
        link = element.makeelement("link", {})
        element.append(link)
    link.set("state", state)
    if print_xml:
        shell.data({"xml": device_xml(element)}, device_xml(element))
        return
    found.update_device(device_xml(element), affect=effect(found, affect, persistent))
    shell.done("Device updated successfully")


@command("change-media")
@domain()
@data("path", help="Target or present source of the drive.")
@data("source", required=False, help="The new medium.")
@flag("eject", "Take the medium out.")
@flag("insert", "Put the medium in; the drive must be empty.")
@flag("update", "Put the medium in, in place of another; the default.")
@flag("force", "Even if the guest has locked it.")
@flag("block", "The source is a block device, not a file.")
@print_xml
@affects()
def change_media(
    shell: Shell,
    domain: str,
    path: str,
    source: str | None,
    eject: bool,
    insert: bool,
    update: bool,
    force: bool,
    block: bool,
    print_xml: bool,
    affect: Affect,
) -> None:
    """Of a CD or floppy drive."""
    if sum((eject, insert, update)) > 1:
        raise UsageFault("only one of --eject, --insert and --update")
    if eject != (source is None):
        raise UsageFault("--eject takes no source" if eject else "No disk source specified for inserting")
    from polyvisor.cli.devicexml import replace_medium

    found = shell.domain(domain)
    disk = find_disk(found, path, inactive=affect is Affect.CONFIG)
    replace_medium(disk, source, block=block, must_be_empty=insert)
    if print_xml:
        shell.data({"xml": device_xml(disk)}, device_xml(disk))
        return
    found.update_device(device_xml(disk), affect=affect, force=force)
    shell.done("Successfully ejected media." if eject else "Successfully inserted media.")


@command("update-memory-device")
@domain()
@click.option("--alias", metavar="ALIAS", help="Alias of the memory device, if there are several.")
@click.option(
    "--node", type=click.IntRange(min=0), metavar="N", help="Its NUMA cell in the guest, if there are several."
)
@click.option("--requested-size", type=size_kib, metavar="SIZE", help="How large it shall be.")
@print_xml
@affects()
def update_memory_device(
    shell: Shell,
    domain: str,
    alias: str | None,
    node: int | None,
    requested_size: int | None,
    print_xml: bool,
    affect: Affect,
) -> None:
    """For memory devices that grow and shrink, such as virtio-mem."""
    found = shell.domain(domain)
    device = find_memory(found, alias, node, inactive=affect is Affect.CONFIG)
    if requested_size is not None:
        set_requested(device, requested_size)
    if print_xml:
        shell.data({"xml": device_xml(device)}, device_xml(device))
        return
    found.update_device(device_xml(device), affect=affect)
    shell.done("Device updated successfully")
