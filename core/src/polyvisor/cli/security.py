"""What proves a guest's launch to its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from polyvisor.cli.command import command
from polyvisor.cli.parameters import domain, read_file

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell


@command("domlaunchsecinfo")
@domain()
def domlaunchsecinfo(shell: Shell, domain: str) -> None:
    """For guests with encrypted memory."""
    facts = shell.domain(domain).launch_security()
    shell.data(facts, "\n".join(f"{name:<15}: {value}" for name, value in facts.items()))


@command("domsetlaunchsecstate")
@domain()
@click.option("--secrethdr", metavar="FILE", required=True, help="File with the header of the secret, in base64.")
@click.option(
    "--secret", metavar="FILE", required=True, help="File with the secret, encrypted by the owner, in base64."
)
@click.option("--set-address", type=click.IntRange(min=0), metavar="ADDRESS", help="Where in the guest's memory.")
def domsetlaunchsecstate(shell: Shell, domain: str, secrethdr: str, secret: str, set_address: int | None) -> None:
    """The guest must be paused."""
    header, text = (read_file(path).decode().strip() for path in (secrethdr, secret))
    shell.domain(domain).set_launch_security_secret(text, header, address=set_address)
    shell.done("Domain launch security state set successfully")
