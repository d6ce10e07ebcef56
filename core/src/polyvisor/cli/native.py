"""Configurations in the hypervisor's own format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.parameters import complete_domain, data, read_file

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell


@command("domxml-to-native")
@data("format", help="The format: qemu-argv, xen-xl, vmware-vmx, ...")
@click.option("--domain", metavar="DOMAIN", shell_complete=complete_domain, help="A domain of this connection.")
@data("xml", required=False, help="File with a domain's XML; - is standard input.")
def to_native(shell: Shell, format: str, domain: str | None, xml: str | None) -> None:
    """Of a file, or with --domain of a domain that is defined."""
    if (domain is None) == (xml is None):
        raise UsageFault("need either domain or domain XML: --domain or --xml")
    config = read_file(xml) if xml is not None else shell.domain(domain or "").xml(inactive=True, secure=True)
    text = shell.connection.to_native(format, config)
    shell.data({"format": format, "text": text}, text.rstrip("\n"))


@command("domxml-from-native")
@data("format", help="The format: xen-xl, vmware-vmx, lxc-tools, ...")
@data("config", help="File with the configuration; - is standard input.")
def from_native(shell: Shell, format: str, config: str) -> None:
    """Nothing is defined; the XML is printed."""
    from polyvisor.cli.host import show_document
    from polyvisor.errors import InvalidArgument

    text = read_file(config).decode(errors="surrogateescape")  # some formats name their own encoding
    try:
        show_document(shell, shell.connection.from_native(format, text), None, False)
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{config} is not in UTF-8", hint="convert it with iconv") from error
