"""Saving domains to files, dumps and pictures."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.host import show_document
from polyvisor.cli.lifecycle import facts
from polyvisor.cli.parameters import data, domain, exclusive, flag, read_file
from polyvisor.errors import HostError
from polyvisor.operations.saving import DumpFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from polyvisor.cli.shell import Shell

file = data("file", help="Path of the file, on the host of the hypervisor.")
new_xml = click.option("--xml", metavar="FILE", help="File with XML that replaces the configuration in the image.")
bypass_cache = flag("bypass-cache", "Do not fill the file system cache.")
verbose = flag("verbose", "For virsh's sake: a terminal always sees the progress.")
security_info = flag("security-info", "Passwords, too.")
xpath = data("xpath", required=False, help="Print only what this XPath expression selects.")
wrap = flag("wrap", "Put what --xpath selects into one element <nodes>.")


def states(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--running`` and ``--paused``."""
    function = flag("paused", "It is restored paused.")(function)
    return flag("running", "It is restored running.")(function)


def paused_or_not(running: bool, paused: bool) -> bool | None:
    """What ``--running`` and ``--paused`` say; None for neither."""
    exclusive("running", "paused")
    return True if paused else False if running else None


def _config(xml: str | None) -> bytes | None:
    return None if xml is None else read_file(xml)


def _absolute(path: str) -> str:
    return os.path.abspath(path)


@command("save")
@domain()
@file
@bypass_cache
@new_xml
@states
@verbose
@click.option("--image-format", "format", metavar="FORMAT", help="Format of the image: raw, sparse, gzip, zstd, ...")
@click.option("--parallel-channels", "parallel", type=click.IntRange(min=1), default=1, help="Writers that share it.")
def save(
    shell: Shell,
    domain: str,
    file: str,
    xml: str | None,
    running: bool,
    paused: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """The domain stops; restore takes it up again. If it fails, the domain runs on."""
    found = shell.domain(domain)
    state, config = paused_or_not(running, paused), _config(xml)
    shell.follow("Save", lambda job: found.save(_absolute(file), config=config, paused=state, job=job, **options))
    shell.done(f"Domain '{found.name}' saved to {file}", **facts(found))


@command("restore")
@file
@bypass_cache
@new_xml
@states
@flag("reset-nvram", "Start from the firmware's template of variables.")
@click.option("--parallel-channels", "parallel", type=click.IntRange(min=1), default=1, help="Readers that share it.")
def restore(shell: Shell, file: str, xml: str | None, running: bool, paused: bool, **options: Any) -> None:
    """The file stays."""
    state, config = paused_or_not(running, paused), _config(xml)
    connection = shell.connection
    found = shell.follow(
        "Restore", lambda job: connection.restore(_absolute(file), config=config, paused=state, job=job, **options)
    )
    shell.done(f"Domain restored from {file}", **facts(found))


@command("save-image-dumpxml")
@file
@security_info
@xpath
@wrap
def save_image_dumpxml(shell: Shell, file: str, security_info: bool, xpath: str | None, wrap: bool) -> None:
    """What restore would take up."""
    show_document(shell, shell.connection.save_image_config(_absolute(file), secure=security_info), xpath, wrap)


@command("save-image-define")
@file
@data("xml", help="File with the XML; - is standard input.")
@states
def save_image_define(shell: Shell, file: str, xml: str, running: bool, paused: bool) -> None:
    """In what the guest does not notice."""
    state = paused_or_not(running, paused)
    shell.connection.set_save_image_config(_absolute(file), read_file(xml), paused=state)
    shell.done(f"State file {file} updated.")


@command("save-image-edit")
@file
@states
def save_image_edit(shell: Shell, file: str, running: bool, paused: bool) -> None:
    """In what the guest does not notice."""
    connection, path = shell.connection, _absolute(file)
    _edit(
        shell,
        connection.save_image_config(path, secure=True),
        lambda text: connection.set_save_image_config(path, text, paused=paused_or_not(running, paused)),
        f"Saved image {file}",
    )


def _edit(shell: Shell, document: Any, store: Callable[[str], None], what: str) -> None:
    from polyvisor.cli.editing import edit_until
    from polyvisor.documents import write

    def accept(text: str) -> bool:
        store(text)
        return True

    changed = edit_until(write(document, secure=True), accept) is not None
    shell.done(f"{what} XML configuration {'edited' if changed else 'not changed'}.", changed=changed)


@command("managedsave")
@domain()
@bypass_cache
@states
@verbose
def managedsave(shell: Shell, domain: str, bypass_cache: bool, running: bool, paused: bool, verbose: bool) -> None:
    """The domain stops, and its next start takes it up where it was."""
    found = shell.domain(domain)
    state = paused_or_not(running, paused)
    shell.follow("Managedsave", lambda job: found.managed_save(paused=state, bypass_cache=bypass_cache, job=job))
    shell.done(f"Domain '{found.name}' state saved", **facts(found))


@command("managedsave-remove")
@domain()
def managedsave_remove(shell: Shell, domain: str) -> None:
    """Its next start boots."""
    found = shell.domain(domain)
    if found.has_managed_save():
        found.remove_managed_save()
        shell.done(f"Removed managedsave image for domain '{found.name}'", removed=True)
    else:
        shell.done(f"Domain '{found.name}' has no managed save image; removal skipped", removed=False)


@command("managedsave-dumpxml")
@domain()
@security_info
@xpath
@wrap
def managedsave_dumpxml(shell: Shell, domain: str, security_info: bool, xpath: str | None, wrap: bool) -> None:
    """What the next start would take up."""
    show_document(shell, shell.domain(domain).managed_save_config(secure=security_info), xpath, wrap)


@command("managedsave-define")
@domain()
@data("xml", help="File with the XML; - is standard input.")
@states
def managedsave_define(shell: Shell, domain: str, xml: str, running: bool, paused: bool) -> None:
    """In what the guest does not notice."""
    found = shell.domain(domain)
    found.set_managed_save_config(read_file(xml), paused=paused_or_not(running, paused))
    shell.done(f"Managed save state file of domain '{found.name}' updated.", **facts(found))


@command("managedsave-edit")
@domain()
@states
def managedsave_edit(shell: Shell, domain: str, running: bool, paused: bool) -> None:
    """In what the guest does not notice."""
    found = shell.domain(domain)
    _edit(
        shell,
        found.managed_save_config(secure=True),
        lambda text: found.set_managed_save_config(text, paused=paused_or_not(running, paused)),
        f"Managed save image of domain '{found.name}'",
    )


@command("dump")
@domain()
@file
@flag("live", "Do not pause the domain meanwhile.")
@flag("crash", "Stop the domain afterwards.")
@flag("reset", "Restart the domain afterwards.")
@bypass_cache
@flag("memory-only", "Memory and registers only, without devices.")
@click.option("--format", type=click.Choice([each.value for each in DumpFormat]), help="Format of --memory-only.")
@verbose
def dump(
    shell: Shell,
    domain: str,
    file: str,
    format: str | None,
    memory_only: bool,
    verbose: bool,
    **options: bool,
) -> None:
    """For a debugger."""
    exclusive("live", "crash")
    exclusive("crash", "reset")
    found = shell.domain(domain)
    kind = None if format is None else DumpFormat(format)
    shell.follow(
        "Dump",
        lambda job: found.core_dump(
            _absolute(file), memory_only=memory_only or kind is not None, format=kind, job=job, **options
        ),
    )
    shell.done(f"Domain '{found.name}' dumped to {file}", **facts(found))


_SUFFIXES = {"image/png": "png", "image/x-portable-pixmap": "ppm", "image/bmp": "bmp", "image/jpeg": "jpg"}


@command("screenshot")
@domain()
@data("file", required=False, help="Path of the picture; - is standard output; default: a name with the time in it.")
@data("screen", required=False, type=click.IntRange(min=0), default=0, help="Number of the screen.")
def screenshot(shell: Shell, domain: str, file: str | None, screen: int) -> None:
    """What the domain shows."""
    found = shell.domain(domain)
    picture = found.screenshot(screen=screen)
    if file == "-":
        sys.stdout.buffer.write(picture.data)
        return
    path = file or _picture_name(found.name, _SUFFIXES.get(picture.media_type, "img"))
    try:
        with open(path, "wb") as target:
            target.write(picture.data)
    except OSError as error:
        raise HostError(f"cannot write the picture to {path}: {error.strerror}") from error
    shell.done(f"Screenshot saved to {path}, with type of {picture.media_type}", file=path, type=picture.media_type)


def _picture_name(domain: str, suffix: str) -> str:
    import time

    return f"{domain.replace('/', '_')}-{time.strftime('%Y-%m-%d-%H:%M:%S')}.{suffix}"
