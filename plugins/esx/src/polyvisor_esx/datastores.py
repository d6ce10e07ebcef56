"""Datastore paths and the names VMware gives files: ``[datastore] folder/file.vmdk``, ``/vmfs/volumes/datastore/...``.

Sources: the vSphere Web Services SDK's description of datastore paths, and how ESX names the files of guests whose
names hold characters a file name cannot.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from polyvisor.errors import InvalidArgument

VOLUMES = "/vmfs/volumes/"
"""Where a host mounts its datastores, by name or by UUID."""

_PATH = re.compile(r"\[([^\]/]+)\](?:\s+(.*))?", re.DOTALL)
_REPLACED = str.maketrans(dict.fromkeys('"*<>:|?', "_"))
_HEXED = re.compile(r"[%/\\]")
_SPELLED = re.compile(r"[^A-Za-z0-9 '(),\-._]+")


@dataclass(frozen=True, slots=True)
class DatastorePath:
    """``[datastore] path``. ``path`` has no leading slash and is empty for the datastore itself."""

    datastore: str
    path: str = ""

    @property
    def directory(self) -> str:
        """The folder of ``path``, empty for the datastore's root."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The last part of ``path``; empty when that ends in a slash."""
        return self.path.rpartition("/")[2]

    def beside(self, name: str) -> DatastorePath:
        """A file in the same folder."""
        return DatastorePath(self.datastore, f"{self.directory}/{name}" if self.directory else name)

    @property
    def mounted(self) -> str:
        """The path a host has it at."""
        return f"{VOLUMES}{self.datastore}/{self.path}"

    def __str__(self) -> str:
        return f"[{self.datastore}] {self.path}".rstrip()


def parse_path(text: str) -> DatastorePath:
    """Read ``[datastore] path``. Raises InvalidArgument for anything else."""
    found = _PATH.fullmatch(text)
    if found is None:
        raise InvalidArgument(f"{text!r} is no datastore path", hint="write it as '[datastore] folder/file'")
    return DatastorePath(found[1], (found[2] or "").lstrip("/"))


def from_mounted(path: str) -> DatastorePath | None:
    """The datastore path of ``/vmfs/volumes/DATASTORE/PATH``; None for a path elsewhere."""
    datastore, _, rest = path.removeprefix(VOLUMES).partition("/")
    if not path.startswith(VOLUMES) or not datastore or not rest.strip("/"):
        return None
    return DatastorePath(datastore, rest.lstrip("/"))


def escape_item(name: str) -> str:
    """The file name ESX makes of an object's name: what no file system takes becomes ``_``, ``%``, ``/`` and the
    backslash two hex digits after a percent sign, and runs of other special characters base64 of their UTF-8 between
    ``+`` and ``-`` (left out at the end), with ``,`` for the slash of that alphabet and no padding."""
    hexed = _HEXED.sub(lambda found: f"%{ord(found[0]):02x}", name.translate(_REPLACED))
    return _SPELLED.sub(_spelled, hexed)


def _spelled(run: re.Match[str]) -> str:
    encoded = base64.b64encode(run[0].encode(), altchars=b"+,").decode().rstrip("=")
    return f"+{encoded}" if run.end() == len(run.string) else f"+{encoded}-"
