"""Chains of disk images, as documents describe them: a disk's source, and what is beneath it."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidArgument, InvalidState

if TYPE_CHECKING:
    from polyvisor.model.domain.devices.disk import BackingImage, Disk
    from polyvisor.model.domain.devices.storage import StorageFormat


def image_path(image: Disk | BackingImage) -> str | None:
    """Where an image of a chain is."""
    source = image.source
    return getattr(source, "file", None) or getattr(source, "dev", None)


def chain(disk: Disk) -> list[Disk | BackingImage]:
    """The disk's active image, then each image beneath."""
    from polyvisor.model.domain.devices.disk import BackingImage

    images: list[Disk | BackingImage] = [disk]
    while isinstance(below := images[-1].backing_store, BackingImage):
        images.append(below)
    return images


def position(disk: Disk, name: str) -> int:
    """Which image of the chain ``name`` means: a path, or a target and index such as ``vda[2]``."""
    images = chain(disk)
    target, _, index = name.partition("[")
    if target == disk.target.dev and index.rstrip("]").isdigit() and int(index.rstrip("]")) in range(len(images)):
        return int(index.rstrip("]"))
    for number, image in enumerate(images):
        if image_path(image) == name:
            return number
    there = ", ".join(image_path(image) or "?" for image in images)
    raise InvalidArgument(f"the chain of disk {disk.target.dev} has no image {name!r}", hint=f"it has: {there}")


def overlay_path(disk: Disk, suffix: str) -> str:
    """Where an external snapshot puts its image unless told: beside the old one, named after the snapshot."""
    path = image_path(disk)
    if path is None:
        raise InvalidState(f"disk {disk.target.dev} is no file that an image could be put on top of")
    return str(PurePath(path).with_suffix(f".{suffix}"))


def push(disk: Disk, path: str, format: StorageFormat) -> None:
    """Put a new active image on top."""
    from polyvisor.model.domain.devices.disk import BackingImage, DiskDriver, DiskType
    from polyvisor.model.domain.devices.storage import FileSource, ImageFormat

    above = disk.driver.type if disk.driver else None
    assert disk.source is not None, "an empty drive has no image to put another on"
    below = BackingImage(
        type=disk.type,
        format=ImageFormat(type="raw" if above is None or above == "aio" else above),
        source=disk.source,
        backing_store=disk.backing_store,
    )
    disk.driver = disk.driver.replace(type=format) if disk.driver else DiskDriver(type=format)
    disk.type, disk.source, disk.backing_store = DiskType.FILE, FileSource(file=path), below


def pull(disk: Disk, base: int | None) -> None:
    """The active image takes over what is between it and image ``base`` (None: everything)."""
    images = chain(disk)
    below: Any = images[base] if base is not None and base < len(images) else None
    disk.backing_store = below


def commit(disk: Disk, top: int, base: int) -> None:
    """Image ``base`` takes over what the images from ``top`` down to above it hold; they leave the chain."""
    images = chain(disk)
    below: Any = images[base]
    if top > 0:
        images[top - 1].backing_store = below
        return
    from polyvisor.model.domain.devices.disk import DiskDriver

    disk.type, disk.source, disk.backing_store = below.type, below.source, below.backing_store
    disk.driver = disk.driver.replace(type=below.format.type) if disk.driver else DiskDriver(type=below.format.type)
