"""The ``polyvisor`` command: virsh's commands, options and output over every driver."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process with its status, one of :class:`polyvisor.cli.failure.Status`."""
    from polyvisor.cli.root import polyvisor

    polyvisor.main(args=None if arguments is None else list(arguments), prog_name="polyvisor")
