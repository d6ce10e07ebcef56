"""The stored configuration of domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.lifecycle import facts
from polyvisor.cli.parameters import affects, data, domain, exclusive, flag, read_file, xml_file
from polyvisor.cli.xpath import select
from polyvisor.errors import InvalidState, NoSuchMetadata
from polyvisor.operations.configuration import MetadataKind
from polyvisor.operations.records import Affect

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.objects.domain import Domain
    from polyvisor.operations.startplace import StartPlace


@command("define")
@xml_file(help="File with the domain's XML; - is standard input.")
@flag("validate", "For virsh's sake: documents are always validated.")
def define(shell: Shell, file: str, validate: bool) -> None:
    """A domain of the same UUID gets the new configuration; if it runs, from its next start on."""
    found = shell.connection.define(read_file(file))
    shell.done(f"Domain '{found.name}' defined from {file}", **facts(found))


@command("undefine")
@domain()
@flag("managed-save", "Remove its managed save image, too.")
@flag("snapshots-metadata", "Forget its snapshots, too.")
@flag("checkpoints-metadata", "Forget its checkpoints, too.")
@flag("nvram", "Remove its firmware variables, too.")
@flag("keep-nvram", "Keep its firmware variables.")
@flag("tpm", "Remove its TPM state, too.")
@flag("keep-tpm", "Keep its TPM state.")
def undefine(
    shell: Shell,
    domain: str,
    managed_save: bool,
    snapshots_metadata: bool,
    checkpoints_metadata: bool,
    nvram: bool,
    keep_nvram: bool,
    tpm: bool,
    keep_tpm: bool,
) -> None:
    """A running domain runs on and is gone when it stops. Disks are never touched."""
    exclusive("nvram", "keep-nvram")
    exclusive("tpm", "keep-tpm")
    found = shell.domain(domain)
    found.undefine(
        managed_save=managed_save,
        snapshots_metadata=snapshots_metadata,
        checkpoints_metadata=checkpoints_metadata,
        nvram=True if nvram else False if keep_nvram else None,
        tpm=True if tpm else False if keep_tpm else None,
    )
    shell.done(f"Domain '{found.name}' has been undefined", **facts(found))


@command("dumpxml")
@domain()
@flag("inactive", "The stored configuration, even if the domain runs.")
@flag("security-info", "Passwords, too.")
@flag("update-cpu", "Spell out the CPU that the host would give.")
@flag("migratable", "Leave out what another host cannot know.")
@data("xpath", required=False, help="Print only what this XPath expression selects.")
@flag("wrap", "Put what --xpath selects into one element <nodes>.")
def dumpxml(
    shell: Shell,
    domain: str,
    inactive: bool,
    security_info: bool,
    update_cpu: bool,
    migratable: bool,
    xpath: str | None,
    wrap: bool,
) -> None:
    """Of a running domain the live configuration, unless --inactive."""
    xml = shell.domain(domain).xml(
        inactive=inactive, secure=security_info, update_cpu=update_cpu, migratable=migratable
    )
    text = select(xml, xpath, wrap=wrap) if xpath is not None else xml
    shell.data({"xml": text}, text.rstrip("\n"))


@command("edit")
@domain()
@flag("validate", "For virsh's sake: documents are always validated.")
@flag("yaml", "Edit it as YAML.")
def edit(shell: Shell, domain: str, validate: bool, yaml: bool) -> None:
    """The editor is $VISUAL, or $EDITOR, or vi. What it saves is validated; a fault is shown with its line, and
    you may go on editing. The new configuration counts from the domain's next start."""
    from polyvisor.cli.editing import edit_until
    from polyvisor.cli.notations import lines_unknown, to_xml, to_yaml

    found = shell.domain(domain)
    original = stored_xml(found)

    def accept(edited: str) -> Domain:
        if stored_xml(found) != original:
            raise InvalidState(f"the configuration of domain {found.name!r} was changed by somebody else meanwhile")
        return shell.connection.define(edited)

    def accept_yaml(edited: str) -> Domain:
        xml = to_xml(shell, edited)
        with lines_unknown():
            return accept(xml)

    if yaml:
        changed = edit_until(to_yaml(shell, original), accept_yaml, suffix=".yaml")
    else:
        changed = edit_until(original, accept)
    if changed is None:
        shell.done(f"Domain '{found.name}' XML configuration not changed.", changed=False, **facts(found))
    else:
        shell.done(f"Domain '{changed.name}' XML configuration edited.", changed=True, **facts(changed))


def stored_xml(found: Domain) -> str:
    """The whole stored configuration, with secrets: what defining it again would need."""
    return found.xml(inactive=True, secure=True)


@command("domrename")
@domain()
@data("new-name", help="The new name.")
def domrename(shell: Shell, domain: str, new_name: str) -> None:
    """Only a domain that does not run can be renamed."""
    found = shell.domain(domain).rename(new_name)
    shell.done("Domain successfully renamed", **facts(found))


@command("autostart")
@domain()
@flag("disable", "Start it no longer.")
@flag("once", "Only the next time the host comes up.")
@click.option("--order", type=int, metavar="NUMBER", help="Those of a lower number start first; default 0.")
@click.option(
    "--delay", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait so long after it before the next starts."
)
def autostart(shell: Shell, domain: str, disable: bool, once: bool, order: int | None, delay: float | None) -> None:
    """Only a domain with a stored configuration can start with the host.

    The order and the delay are kept in its document, and stay as they are unless they are given. `guests-start` heeds
    them; a host that starts its domains itself, such as VMware ESX, has an order of its own.
    """
    exclusive("disable", "order")
    exclusive("disable", "delay")
    found = shell.domain(domain)
    if order is not None or delay is not None:
        _place(found, order, delay)
    if once:
        found.set_autostart_once(not disable)
    else:
        found.set_autostart(not disable)
    how = "unmarked as autostarted" if disable else "marked as autostarted"
    shell.done(
        f"Domain '{found.name}' {how}{' once' if once else ''}", autostart=not disable, once=once, **facts(found)
    )


def _place(found: Domain, order: int | None, delay: float | None) -> None:
    """Write into the stored document when the domain starts; what is None stays as it is."""
    from polyvisor.operations.startplace import NAMESPACE, PREFIX, StartPlace

    before = start_place(found)
    place = StartPlace(before.order if order is None else order, before.delay if delay is None else delay)
    found.set_metadata(MetadataKind.ELEMENT, place.xml, uri=NAMESPACE, key=PREFIX, affect=Affect.CONFIG)


def start_place(found: Domain) -> StartPlace:
    """When the domain starts among those that start with the host, by its stored document."""
    from polyvisor.operations.startplace import NAMESPACE, StartPlace, read_start_place

    which = {"affect": Affect.CONFIG} if found.is_active else {}
    try:
        return read_start_place(found.metadata(MetadataKind.ELEMENT, uri=NAMESPACE, **which))
    except NoSuchMetadata:
        return StartPlace()


@command("desc")
@domain()
@affects()
@flag("title", "The title instead of the description.")
@flag("edit", "Change it in an editor.")
@data("new-desc", rest=True, required=False, help="The new text; an empty one removes it.")
def desc(shell: Shell, domain: str, affect: Affect, title: bool, edit: bool, new_desc: tuple[str, ...]) -> None:
    """Without a new text, show the present one."""
    found = shell.domain(domain)
    kind = MetadataKind.TITLE if title else MetadataKind.DESCRIPTION
    if not (edit or new_desc):
        text = _metadata(found, kind, None, affect)
        shell.data({kind.value: text}, f"No {kind} for domain: {found.name}" if text is None else text)
        return
    wanted: str | None = " ".join(new_desc)
    if edit:
        wanted = _edited(wanted or _metadata(found, kind, None, affect) or "", suffix=".txt")
        if wanted is None:
            shell.done(f"Domain {kind} not changed", changed=False)
            return
    found.set_metadata(kind, wanted or None, affect=affect)
    shell.done(f"Domain {kind} updated successfully", changed=True)


@command("metadata")
@domain()
@data("uri", help="Namespace of the element.")
@affects()
@flag("edit", "Change it in an editor.")
@click.option("--key", metavar="PREFIX", help="Prefix to write for the namespace.")
@click.option("--set", "new", metavar="XML", help="The new element.")
@flag("remove", "Remove the element.")
def metadata(
    shell: Shell,
    domain: str,
    uri: str,
    affect: Affect,
    edit: bool,
    key: str | None,
    new: str | None,
    remove: bool,
) -> None:
    """Without --set, --edit and --remove, show the element."""
    exclusive("edit", "new", "remove")
    if (new or edit) and not key:
        raise UsageFault("namespace key is required when modifying metadata: --key")
    found = shell.domain(domain)
    if not (edit or new or remove):
        text = found.metadata(MetadataKind.ELEMENT, uri=uri, affect=affect)
        shell.data({"xml": text}, text)
        return
    if edit:
        new = _edited(_metadata(found, MetadataKind.ELEMENT, uri, affect) or "", suffix=".xml")
        if new is None:
            shell.done("Metadata not changed", changed=False)
            return
    found.set_metadata(MetadataKind.ELEMENT, None if remove else new, uri=uri, key=key, affect=affect)
    shell.done("Metadata removed" if remove else "Metadata modified", changed=True)


def _metadata(found: Domain, kind: MetadataKind, uri: str | None, affect: Affect) -> str | None:
    try:
        text: str = found.metadata(kind, uri=uri, affect=affect)
        return text
    except NoSuchMetadata:
        return None


def _edited(text: str, *, suffix: str) -> str | None:
    from polyvisor.cli.editing import edit_until

    return edit_until(text, lambda edited: edited.rstrip("\n"), suffix=suffix)
