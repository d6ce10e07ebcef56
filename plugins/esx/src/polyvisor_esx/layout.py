"""Where devices of a VMware guest go when the document does not say: 15 disks on a SCSI controller, 30 on a SATA one.

Has to come before the defaults that hold for every hypervisor, which count in narrower buses."""

from __future__ import annotations

from polyvisor.model.domain import DiskBus, Domain, DriveAddress, Video, VideoModel, VideoType
from polyvisor.model.domain.devices.disk import bus_of_target, target_index

VIDEO_MEMORY = 4096
"""KiB of the video card of a guest that only says it has graphics."""

UNITS = {DiskBus.SCSI: 15, DiskBus.SATA: 30}
"""Disks a controller takes, of those whose places follow from the names of targets."""


def lay_out(domain: Domain) -> Domain:
    """Give disks without an address theirs, and graphics a card; returns ``domain``."""
    devices = domain.devices
    if devices is None:
        return domain
    for disk in devices.disks:
        bus, index = disk.target.bus or bus_of_target(disk.target.dev), target_index(disk.target.dev)
        if disk.address is None and bus in UNITS and index is not None:
            controller, unit = divmod(index, UNITS[bus])
            if bus is DiskBus.SCSI and unit > 6:
                unit += 1  # 7 is the controller itself
            disk.address = DriveAddress(controller=controller, bus=0, target=0, unit=unit)
    if devices.graphics and not devices.videos:
        devices.videos.append(Video(model=VideoModel(type=VideoType.VMVGA, vram=VIDEO_MEMORY)))
    return domain
