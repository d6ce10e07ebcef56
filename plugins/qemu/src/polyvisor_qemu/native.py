"""A domain as a command line that a person can run."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument
from polyvisor.local import configuration
from polyvisor_qemu import argv, live
from polyvisor_qemu.session import QemuSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

FORMATS = ("qemu-argv",)


def to_native(session: QemuSession, format: str, config: Domain) -> str:
    """The command line that would run the guest; ``qemu-argv`` is the only format."""
    if format not in FORMATS:
        raise InvalidArgument(f"the qemu driver writes no format {format!r}", hint=f"it writes {', '.join(FORMATS)}")
    plan = argv.compose(live.instance(config, 0), session.answers, session.files(configuration.identity(config)))
    variables = [f"{name}={shlex.quote(value)}" for name, value in plan.environment.items()]
    return " ".join([*variables, *map(shlex.quote, plan.arguments)]) + "\n"
