"""Files of saved containers: what CRIU wrote, the container's document, and what else taking it up needs.

A file is a tar archive of regular files: ``header.json`` first, which tells the format and its version, then
``domain.xml``, then ``images/...``. It holds the memory of programs, so it belongs to its owner alone, and it is
written whole or not at all.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import IO, TYPE_CHECKING
from uuid import UUID

from polyvisor.errors import NotFound, PolyvisorError, StateError, UnsupportedConfiguration
from polyvisor.state import DISK, reported

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

FORMAT, VERSION = "polyvisor-lxc checkpoint", 1
"""What the header calls such a file. A version is refused that this module does not know."""

_HEADER, _DOCUMENT, _IMAGES = "header.json", "domain.xml", "images/"
_LONGEST = 16 * 1024 * 1024
"""Bytes that a header or a document may have."""

Parse = Callable[[bytes], "Domain"]
"""Reads a document with what the driver brings to it."""

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CHUNK = 1024 * 1024
PREFIX = ".polyvisor-save-"
"""How the names of what is being written begin, beside the file that is to be."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved container.

    :param config: its document as it ran.
    :param paused: whether it is taken up paused.
    :param images: bytes by the name of each image of CRIU's.
    :param made: versions of what made it, and when (seconds since the epoch), for people.
    """

    config: Domain
    paused: bool
    images: dict[str, int]
    made: dict[str, str | float] = field(default_factory=dict)

    def with_config(self, config: Domain) -> Saved:
        """The same container with another document. Raises UnsupportedConfiguration for what it would notice."""
        require_same(self.config, config)
        return replace(self, config=config)

    def with_paused(self, paused: bool | None) -> Saved:
        """The same container, taken up paused or running; None leaves that."""
        return self if paused is None else replace(self, paused=paused)


_NOTICED = ("uuid", "name", "os", "idmap", "devices", "features")


def require_same(old: Domain, new: Domain) -> None:
    """Raise UnsupportedConfiguration if a container would notice that its document changed from ``old`` to ``new``."""
    for name in _NOTICED:
        if getattr(old, name) != getattr(new, name):
            raise UnsupportedConfiguration(
                f"a saved container would notice that its {name} changed",
                driver="lxc",
                hint="change only what it does not see, such as its title, metadata and limits",
            )


# -- writing ----------------------------------------------------------------------------------------------


@contextmanager
def beside(path: str) -> Iterator[str]:
    """A private directory on the file system of ``path``, gone afterwards. Raises HostError."""
    with reported("write", path):
        directory = tempfile.mkdtemp(prefix=PREFIX, dir=os.path.dirname(path))
        held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(held)


def abandoned(directory: str) -> bool:
    """Whether nobody is at work in a directory of :func:`beside` any more."""
    try:
        held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False  # gone by now, or another user's
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(held)


def pack(path: str, saved: Saved, directory: str) -> None:
    """Write the file from a directory of images. Raises HostError, and leaves what was there before then."""
    with _writing(path) as archive:
        _begin(archive, saved)
        for name in saved.images:
            with open(f"{directory}/{name}", "rb") as image:
                _add(archive, _IMAGES + name, saved.images[name], image)


def rewrite(path: str, saved: Saved) -> None:
    """Replace what a file says of the container; its images stay. Raises NotFound, StateError, HostError."""
    with _understood(path), _opened(path) as source, _writing(path) as archive:
        _begin(archive, saved)
        for name, member in _images(source, path, saved):
            _add(archive, _IMAGES + name, member.size, _content(source, member))


def image_sizes(directory: str) -> dict[str, int]:
    """The images in a directory; logs and what else is there is none."""
    with reported("read", directory):
        found = {entry.name: entry for entry in os.scandir(directory) if entry.is_file(follow_symlinks=False)}
        return {
            name: found[name].stat().st_size
            for name in sorted(found)
            if _IMAGE.fullmatch(name) and not name.endswith(".log")
        }


@contextmanager
def _writing(path: str) -> Iterator[tarfile.TarFile]:
    with beside(path) as directory, reported("write", path):
        fresh = f"{directory}/archive"
        descriptor = DISK.create(fresh, 0o600)
        with open(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                yield archive
            file.flush()
            DISK.sync(file.fileno())
        DISK.replace(fresh, path)
        DISK.sync_directory(os.path.dirname(path))


def _begin(archive: tarfile.TarFile, saved: Saved) -> None:
    told = {"format": FORMAT, "version": VERSION, **asdict(replace(saved, config=None))}  # type: ignore[arg-type]
    del told["config"]
    for name, content in ((_HEADER, json.dumps(told).encode()), (_DOCUMENT, _text(saved.config))):
        _add(archive, name, len(content), io.BytesIO(content))


def _text(config: Domain) -> bytes:
    from polyvisor.documents import write

    return write(config, live=True, secure=True).encode()


def _add(archive: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    archive.addfile(member, content)


# -- reading ----------------------------------------------------------------------------------------------


def read(path: str, parse: Parse) -> Saved:
    """What a file says of its container. Raises NotFound, StateError when it is no such file, HostError."""
    with _opened(path) as archive, _understood(path):
        return _read(archive, path, parse)


def unpack(path: str, directory: str, parse: Parse) -> None:
    """Put the images of a file into a directory that is made for them, in one that only its owner can enter.

    CRIU hands it to processes that are about to be those of the container, with ids of their own, so whoever is in it
    may read. Raises as ``read``."""
    with _opened(path) as archive, _understood(path):
        saved = _read(archive, path, parse)
        with reported("write", directory):
            os.mkdir(directory)
            os.chmod(directory, 0o755)
            for name, member in _images(archive, path, saved):
                with open(DISK.create(f"{directory}/{name}", 0o600), "wb") as file:
                    shutil.copyfileobj(_content(archive, member), file, _CHUNK)
                    os.fchmod(file.fileno(), 0o644)


@contextmanager
def _opened(path: str) -> Iterator[tarfile.TarFile]:
    with reported("read", path):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would be waited for
        except FileNotFoundError:
            raise NotFound(f"there is no saved container at {path}", target=path, driver="lxc") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _alien(path)
    except BaseException:
        os.close(descriptor)
        raise
    with open(descriptor, "rb") as file, _archive(file, path) as archive, reported("read", path):
        yield archive


def _archive(file: IO[bytes], path: str) -> tarfile.TarFile:
    with reported("read", path):
        try:
            return tarfile.open(fileobj=file, mode="r:")  # its caller closes it
        except tarfile.TarError as error:
            raise _alien(path) from error


@contextmanager
def _understood(path: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise StateError(f"the saved container {path} is damaged: {error}", target=path, driver="lxc") from error


def _read(archive: tarfile.TarFile, path: str, parse: Parse) -> Saved:
    first = archive.next()
    if first is None or first.name != _HEADER or not first.isreg() or first.size > _LONGEST:
        raise _alien(path)
    told = json.loads(_content(archive, first).read())
    if told.get("format") != FORMAT:
        raise _alien(path)
    if told["version"] != VERSION:
        raise StateError(
            f"{path} is a saved container of version {told['version']}, and this is known up to version {VERSION}",
            target=path,
            driver="lxc",
            hint="restore it with the newer polyvisor-lxc that wrote it",
        )
    second = archive.next()
    if second is None or second.name != _DOCUMENT or not second.isreg() or second.size > _LONGEST:
        raise StateError(f"the saved container {path} has no document", target=path, driver="lxc")
    return Saved(
        config=_config(_content(archive, second).read(), path, parse),
        paused=bool(told["paused"]),
        images={str(name): int(size) for name, size in told["images"].items()},
        made=dict(told["made"]),
    )


def _config(document: bytes, path: str, parse: Parse) -> Domain:
    try:
        config = parse(document)
    except PolyvisorError as error:
        raise StateError(
            f"the document in the saved container {path} is damaged: {error.message}", target=path, driver="lxc"
        ) from error
    UUID(config.uuid or "")  # raises ValueError
    return config


def _images(archive: tarfile.TarFile, path: str, saved: Saved) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """The images that the header announces. Raises StateError unless it is exactly these."""
    left = dict(saved.images)
    while (member := archive.next()) is not None:
        name = member.name.removeprefix(_IMAGES)
        if member.name in (_HEADER, _DOCUMENT):
            continue
        if not (member.isreg() and _IMAGE.fullmatch(name) and left.pop(name, None) == member.size):
            raise StateError(f"the saved container {path} holds {member.name!r}", target=path, driver="lxc")
        yield name, member
    if left:
        raise StateError(f"the saved container {path} lacks {', '.join(sorted(left))}", target=path, driver="lxc")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    found = archive.extractfile(member)
    assert found is not None
    return found


def _alien(path: str) -> StateError:
    return StateError(
        f"{path} is no container that the lxc driver saved", target=path, driver="lxc", hint="name a file of save"
    )
