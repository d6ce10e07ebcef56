"""``polyvisor esx datastores|files|upload|download|copy|rm|disk ...``: datastores and the files on them.

A file is called by its datastore path, ``'[datastore] folder/file'``, as documents of guests have it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from polyvisor.errors import AlreadyExists, HostError, InvalidArgument
from polyvisor.units import format_size, parse_size
from polyvisor_esx.commandsession import complete_file, complete_pool, document_of, opened, require_changes

if TYPE_CHECKING:
    from polyvisor_esx.pools import Pool
    from polyvisor_esx.session import EsxSession
    from polyvisor_esx.volumes import Volume

TIMEOUT = click.option("--timeout", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Give up after so long.")


def _size(context: click.Context, parameter: click.Parameter, text: str) -> int:
    try:
        return int(parse_size(text))
    except InvalidArgument as error:
        raise click.BadParameter(str(error)) from error


# -- datastores -----------------------------------------------------------------------------------------------


@click.command("datastores")
@click.argument("name", required=False, shell_complete=complete_pool)
@click.option("--refresh", is_flag=True, help="Have the server measure them anew first.")
@click.pass_obj
def datastores(shell: Any, name: str | None, refresh: bool) -> None:
    """List datastores with their sizes; show the document of one that is named."""
    from polyvisor_esx import pools

    with opened(shell) as session:
        known = [pools.find(session, name=name)] if name is not None else pools.pools(session)
        if refresh:
            known = [pools.refresh(session, pool) for pool in known]
    if name is not None:
        document_of(shell, pools.document(known[0]))
        return
    rows, data = [], []
    for pool in known:
        info = pool.info
        sizes = (info.capacity, info.allocation, info.available)
        rows.append((pool.name, info.state, pool.kind, *map(format_size, sizes)))
        data.append(
            {
                "name": pool.name,
                "uuid": str(pool.uuid),
                "state": info.state,
                "type": pool.kind,
                "capacity": info.capacity,
                "allocation": info.allocation,
                "available": info.available,
                "maintenance": info.maintenance,
            }
        )
    shell.table(("Name", "State", "Type", "Capacity", "Allocation", "Available"), rows, data=data)


@click.command("mount")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def mount(shell: Any, file: Path) -> None:
    """Mount an NFS export on a host as the storage pool document in FILE says (type='netfs')."""
    from polyvisor import model
    from polyvisor_esx import pools

    require_changes(shell, "a datastore")
    with _reading(file) as source:
        config: Any = model.parse("storagepool", source.read())
    with opened(shell) as session:
        made = pools.create(session, config)
    shell.data({"name": made.name, "uuid": str(made.uuid)}, f"Datastore '{made.name}' is mounted")


@click.command("unmount")
@click.argument("name", shell_complete=complete_pool)
@click.pass_obj
def unmount(shell: Any, name: str) -> None:
    """Unmount a network file system from a host; its files stay where they are."""
    from polyvisor_esx import pools

    require_changes(shell, "unmounting")
    with opened(shell) as session:
        pools.destroy(session, pools.find(session, name=name))
    shell.data({"name": name}, f"Datastore '{name}' is unmounted")


@click.command("targets")
@click.argument("name", required=False)
@click.pass_obj
def targets(shell: Any, name: str | None) -> None:
    """List the iSCSI targets of a host with their units; show the document of one that is named."""
    from polyvisor_esx import iscsi

    with opened(shell) as session:
        if name is not None:
            document_of(shell, iscsi.document(iscsi.find(session, name=name)))
            return
        known = iscsi.targets(session)
    rows, data = [], []
    for each in known:
        where = f"{each.address}:{each.port}" if each.port else each.address
        rows.append((each.name, where, ", ".join(unit.name for unit in each.units) or "-"))
        units = [
            {"number": unit.number, "name": unit.name, "path": unit.path, "size": unit.size} for unit in each.units
        ]
        data.append({"name": each.name, "uuid": str(each.uuid), "address": where, "units": units})
    shell.table(("Name", "Address", "Units"), rows, data=data)


# -- files ----------------------------------------------------------------------------------------------------


def facts(volume: Volume) -> dict[str, Any]:
    """A file for programs; sizes in bytes."""
    return {
        "key": volume.key,
        "name": volume.name,
        "format": volume.format,
        "capacity": volume.capacity,
        "allocation": volume.allocation,
        "thin": volume.thin,
        "modified": volume.modified.isoformat() if volume.modified else None,
    }


@click.command("files")
@click.argument("place", shell_complete=complete_file)
@click.option("-r", "--recursive", is_flag=True, help="What is in the folders below, too.")
@click.option("--volumes", "only", is_flag=True, help="Only disks, ISO images and floppy images, of all folders.")
@click.pass_obj
def files(shell: Any, place: str, recursive: bool, only: bool) -> None:
    """List what is on a datastore, or in a folder of it ('[datastore] folder'); show the document of a file."""
    from polyvisor.model.storagevol import VolumeFormat
    from polyvisor_esx import volumes

    with opened(shell) as session:
        pool, path = located(session, place)
        if path and not only:
            here = volumes.find(session, pool, path)
            if here.format is not VolumeFormat.DIR:
                document_of(shell, volumes.document(here))
                return
        found = volumes.files(session, pool, path, below=recursive) if not only else volumes.volumes(session, pool)
    if only and path:
        found = [each for each in found if each.name.startswith(f"{path.rstrip('/')}/")]
    rows = [
        (
            each.name,
            each.format or "-",
            "-" if each.capacity is None or each.format is VolumeFormat.DIR else format_size(each.capacity),
            "-" if each.format is VolumeFormat.DIR else format_size(each.allocation),
        )
        for each in found
    ]
    shell.table(("Name", "Format", "Capacity", "Allocation"), rows, data=[facts(each) for each in found])


def located(session: EsxSession, place: str) -> tuple[Pool, str]:
    """The pool and the path on it of ``'[datastore] path'``, ``'[datastore]'`` or the name of a datastore."""
    from polyvisor_esx import pools, volumes
    from polyvisor_esx.datastores import parse_path

    if not place.startswith(("[", "/")):
        return pools.find(session, name=place), ""
    if place.startswith("[") and not parse_path(place).path:
        return pools.find(session, name=parse_path(place).datastore), ""
    pool, path = volumes.located(session, place.rstrip("/"))
    return pool, path.path


@click.command("upload")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("place", shell_complete=complete_file)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there, once all has arrived.")
@TIMEOUT
@click.pass_obj
def upload(shell: Any, file: Path, place: str, overwrite: bool, timeout: float | None) -> None:
    """Send FILE to a datastore: PLACE is '[datastore] folder/name', or a folder with a slash at its end."""
    from polyvisor_esx import datastorefiles

    require_changes(shell, "an upload")
    with opened(shell) as session, _reading(file) as source:
        pool, path = located(session, place)
        name = f"{path}/{file.name}".lstrip("/") if not path or place.endswith("/") else path
        size = os.fstat(source.fileno()).st_size
        made = shell.follow(
            f"Upload of {file.name}",
            lambda job: datastorefiles.upload(session, pool, name, source, size, overwrite=overwrite, job=job),
            timeout=timeout,
        )
    shell.data(facts(made), f"{file} is '{made.key}', {format_size(size)}")


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[BinaryIO]:
    try:
        source = file.open("rb")
    except OSError as error:
        raise HostError(f"{file} cannot be read: {error}") from error
    with source:
        yield source


@click.command("download")
@click.argument("place", shell_complete=complete_file)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace a file that is there, once all has arrived.")
@TIMEOUT
@click.pass_obj
def download(shell: Any, place: str, file: Path, overwrite: bool, timeout: float | None) -> None:
    """Fetch '[datastore] folder/name' into FILE, which only you may read."""
    from polyvisor_esx import datastorefiles, volumes

    if file.exists() and not overwrite:
        raise AlreadyExists(f"{file} is there already", hint="choose another name, or --overwrite")
    with opened(shell) as session, _writing(file) as sink:
        pool, volume = volumes.lookup(session, place)
        size = shell.follow(
            f"Download of {volume.path.name}",
            lambda job: datastorefiles.download(session, pool, volume, sink, job=job),
            timeout=timeout,
        )
    shell.data({"file": str(file), "size": size}, f"'{place}' is in {file}, {format_size(size)}")


@contextlib.contextmanager
def _writing(file: Path) -> Iterator[BinaryIO]:
    """A new file that takes its name when all is written, and is gone if that fails."""
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")
    try:
        made = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise HostError(f"{part} cannot be made: {error}") from error
    try:
        with open(made, "wb") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise HostError(f"{file} cannot be written: {error}") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@click.command("copy")
@click.argument("source", shell_complete=complete_file)
@click.argument("target", shell_complete=complete_file)
@TIMEOUT
@click.pass_obj
def copy(shell: Any, source: str, target: str, timeout: float | None) -> None:
    """Copy a file or a virtual disk on the server, '[datastore] path' to '[datastore] path'."""
    from polyvisor_esx import volumechanges, volumes

    require_changes(shell, "a copy")
    with opened(shell) as session:
        pool, volume = volumes.lookup(session, source)
        to, path = volumes.located(session, target)
        made = shell.follow(
            f"Copy of {volume.path.name}",
            lambda job: volumechanges.copy(session, pool, volume, to, path.path, job=job),
            timeout=timeout,
        )
    shell.data(facts(made), f"'{made.key}' is a copy of '{volume.key}'")


@click.command("mv")
@click.argument("source", shell_complete=complete_file)
@click.argument("target", shell_complete=complete_file)
@TIMEOUT
@click.pass_obj
def move(shell: Any, source: str, target: str, timeout: float | None) -> None:
    """Give a file or a virtual disk that no guest has another name or place, '[datastore] path'."""
    from polyvisor_esx import volumechanges, volumes

    require_changes(shell, "a move")
    with opened(shell) as session:
        pool, volume = volumes.lookup(session, source)
        to, path = volumes.located(session, target)
        made = shell.follow(
            f"Move of {volume.path.name}",
            lambda job: volumechanges.move(session, pool, volume, to, path.path, job=job),
            timeout=timeout,
        )
    shell.data(facts(made), f"'{volume.key}' is '{made.key}' now")


@click.command("rm")
@click.argument("place", shell_complete=complete_file)
@click.pass_obj
def remove(shell: Any, place: str) -> None:
    """Delete a file, a virtual disk or an empty folder that no guest has: '[datastore] path'."""
    from polyvisor_esx import volumechanges, volumes

    require_changes(shell, "a deletion")
    with opened(shell) as session:
        pool, volume = volumes.lookup(session, place)
        volumechanges.delete(session, pool, volume)
    shell.data({"key": volume.key}, f"'{volume.key}' is deleted")


# -- virtual disks --------------------------------------------------------------------------------------------


@click.group("disk")
def disk() -> None:
    """Make, grow and wipe virtual disks that no guest has."""


@disk.command("create")
@click.argument("place")
@click.argument("size", callback=_size)
@click.option("--thin", is_flag=True, help="Take space only when it is written to.")
@click.option("--zeroed", is_flag=True, help="Overwrite all of it with zeros now, not when it is first written to.")
@click.option("--bus", type=click.Choice(["scsi", "ide", "buslogic"]), default="scsi", help="What it is made for.")
@click.pass_obj
def create(shell: Any, place: str, size: int, thin: bool, zeroed: bool, bus: str) -> None:
    """Make an empty disk of SIZE (20G) at '[datastore] folder/name.vmdk'."""
    from polyvisor.model.storage import Allocation, Capacity
    from polyvisor.model.storagevol import StorageVolume, VolumeFormat, VolumeFormatElement, VolumeTarget
    from polyvisor_esx import volumechanges, volumes

    require_changes(shell, "a new disk")
    with opened(shell) as session:
        pool, path = volumes.located(session, place)
        config = StorageVolume(
            name=path.path,
            capacity=Capacity(value=size),
            allocation=Allocation(value=0 if thin else size),
            target=VolumeTarget(format=VolumeFormatElement(type=VolumeFormat.VMDK)),
        )
        made = shell.follow(
            f"Making {path.name}",
            lambda job: volumechanges.create(session, pool, config, zeroed=zeroed, bus=bus, job=job),
        )
    shell.data(facts(made), f"'{made.key}' is made, {format_size(size)}")


@disk.command("resize")
@click.argument("place", shell_complete=complete_file)
@click.argument("size", callback=_size)
@click.option("--zeroed", is_flag=True, help="Overwrite the new part with zeros now.")
@click.pass_obj
def resize(shell: Any, place: str, size: int, zeroed: bool) -> None:
    """Make a disk larger, to SIZE (40G)."""
    from polyvisor_esx import volumechanges, volumes

    require_changes(shell, "a new size")
    with opened(shell) as session:
        pool, volume = volumes.lookup(session, place)
        made = shell.follow(
            f"Resizing {volume.path.name}",
            lambda job: volumechanges.resize(session, pool, volume, size, zeroed=zeroed, job=job),
        )
    shell.data(facts(made), f"'{made.key}' has {format_size(size)}")


@disk.command("wipe")
@click.argument("place", shell_complete=complete_file)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def wipe(shell: Any, place: str, yes: bool) -> None:
    """Overwrite all of a disk with zeros.

    Who reads it afterwards reads zeros. Snapshots, replicas and blocks that it gave back before keep what they have."""
    from polyvisor_esx import volumechanges, volumes

    require_changes(shell, "wiping")
    if not yes:
        click.confirm(f"All that is on '{place}' will be lost. Go on?", abort=True, err=True)
    with opened(shell) as session:
        pool, volume = volumes.lookup(session, place)
        shell.follow(f"Wiping {volume.path.name}", lambda job: volumechanges.wipe(session, pool, volume, job=job))
    shell.data({"key": volume.key}, f"'{volume.key}' is wiped")


COMMANDS: tuple[click.Command, ...] = (
    datastores,
    mount,
    unmount,
    targets,
    files,
    upload,
    download,
    copy,
    move,
    remove,
    disk,
)
"""What hangs under ``polyvisor esx``."""
