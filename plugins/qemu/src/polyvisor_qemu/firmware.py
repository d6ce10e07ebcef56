"""UEFI firmware: which images are installed, which one a guest gets, and the variables it keeps.

Images describe themselves in JSON files (QEMU's ``docs/interop/firmware.json``); a file in ``/etc`` takes the place
of one of the same name in ``/usr/share``, and they are tried in order of their names.
"""

from __future__ import annotations

import fnmatch
import glob
import json
import logging
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from polyvisor.errors import HostError, InvalidState, UnsupportedConfiguration
from polyvisor.state import make_private_directory, reported

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.spi import DomainRef
    from polyvisor_qemu.argv import Guest

log = logging.getLogger(__name__)

DIRECTORIES = ("/etc/qemu/firmware", "/usr/share/qemu/firmware")


class Image(NamedTuple):
    """An installed flash image: its file and format, the variables it starts from, what it is and needs."""

    path: str
    format: Literal["raw", "qcow2"]
    template: str | None
    features: frozenset[str]
    targets: tuple[tuple[str, str], ...]

    def fits(self, arch: str, machine: str) -> bool:
        """Whether it is for an architecture and a machine type."""
        return any(own == arch and fnmatch.fnmatchcase(machine, pattern) for own, pattern in self.targets)


def images() -> Iterator[Image]:
    """The flash images installed here, the preferred first."""
    files: dict[str, str] = {}
    for directory in reversed(DIRECTORIES):
        files |= {os.path.basename(path): path for path in glob.glob(f"{directory}/*.json")}
    for _, path in sorted(files.items()):
        try:
            with open(path, "rb") as file:
                found = _image(json.load(file))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the firmware description %s cannot be used: %s", path, error)
            continue
        if found is not None:
            yield found


def _image(description: dict[str, Any]) -> Image | None:
    mapping = description["mapping"]
    if mapping["device"] != "flash" or "uefi" not in description["interface-types"]:
        return None
    template = mapping.get("nvram-template")
    return Image(
        path=mapping["executable"]["filename"],
        format=mapping["executable"]["format"],
        template=template["filename"] if template else None,
        features=frozenset(description.get("features", ())),
        targets=tuple(
            (target["architecture"], pattern) for target in description["targets"] for pattern in target["machines"]
        ),
    )


def installed(arch: str, machine: str) -> list[str]:
    """Files of the images for an architecture and a machine type."""
    return list(dict.fromkeys(image.path for image in images() if image.fits(arch, machine)))


# -- what a document implies ------------------------------------------------------------------------------


def complete(config: Domain, guest: Guest) -> None:
    """Choose the image where the document asks for any UEFI, and a place for the guest's variables."""
    from polyvisor.model.domain.os import Loader

    system: Any = config.os
    if system.firmware_choice == "efi" and (system.loader is None or not system.loader.path):
        chosen = _choose(config, guest)
        system.loader = Loader(path=chosen.path, readonly=True, type="pflash", secure=None, format=chosen.format)
    if system.loader is not None and system.loader.type == "pflash" and not system.loader.stateless:
        _complete_variables(system, guest)


def _choose(config: Domain, guest: Guest) -> Image:
    smm = bool(config.features and config.features.smm)
    wanted = {feature.name: feature.enabled for feature in config.os.firmware.features} if config.os.firmware else {}
    for image in images():
        if not image.fits(guest.machine.arch, guest.machine.name) or image.template is None:
            continue
        if "requires-smm" in image.features and not smm:
            continue
        if all((name in image.features) is enabled for name, enabled in wanted.items()):
            return image
    raise UnsupportedConfiguration(
        f"no UEFI firmware for machine {guest.machine.name} of {guest.machine.arch} with these features is installed",
        driver="qemu",
        hint="install it (Debian: apt install ovmf); images for secure boot need <smm state='on'/>",
    )


def _complete_variables(system: Any, guest: Guest) -> None:
    from polyvisor.model.domain.os import NvramPath

    if system.nvram is None:
        if _template(system) is None:
            return  # an image without variables of its own
        system.nvram = NvramPath()
    if system.nvram.type is None and not system.nvram.path:
        system.nvram.path = guest.files.variables


def _template(system: Any) -> str | None:
    if system.nvram is not None and system.nvram.template:
        return str(system.nvram.template)
    return next((image.template for image in images() if image.path == system.loader.path), None)


def prepare_variables(config: Domain, *, reset: bool) -> None:
    """Before a start: make the guest's variables from their template if there are none yet, or to ``reset`` them.

    Raises HostError when they are missing and there is nothing to make them from."""
    path = getattr(config.os.nvram, "path", None)
    if not path or (os.path.exists(path) and not reset):
        return
    template = _template(config.os)
    if template is None:
        raise HostError(
            f"the firmware variables {path} do not exist, and no template for them is known",
            driver="qemu",
            hint="name one: <nvram template='...'>",
        )
    make_private_directory(os.path.dirname(path))
    with reported("write", path), open(template, "rb") as source, open(path, "wb", opener=_private) as target:
        shutil.copyfileobj(source, target)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def before_undefine(config: Domain, domain: DomainRef, *, remove: bool | None) -> None:
    """Remove or keep a guest's own firmware variables, if there are any. Raises InvalidState if nobody said which."""
    variables = getattr(config.os.nvram, "path", None)
    if not variables or not os.path.exists(variables):
        return
    if remove is None:
        raise InvalidState(
            f"{domain} has firmware variables in {variables}",
            target=str(domain),
            driver="qemu",
            hint="say whether to remove them: nvram=True (--nvram) or nvram=False (--keep-nvram)",
        )
    if remove:
        with reported("remove", variables):
            os.unlink(variables)
