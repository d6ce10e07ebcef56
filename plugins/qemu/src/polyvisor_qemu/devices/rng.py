"""``<rng>``: random number generators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import only, refusal
from polyvisor_qemu.virtio import driver_options, model_suffix

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine


def complete(rng: Any, guest: Guest) -> None:
    if rng.backend.model == "random" and not rng.backend.path:
        rng.backend.path = "/dev/urandom"


def place(rng: Any, machine: Machine | None) -> Place | None:
    return Place.EXPRESS


def add(rng: Any, line: CommandLine, guest: Guest) -> None:
    only(rng, "model", "rate", "backend", "driver")
    name = guest.alias(rng)
    match rng.backend.model:
        case "random":
            line.object("rng-random", f"obj{name}", {"filename": rng.backend.path})
        case "builtin":
            line.object("rng-builtin", f"obj{name}", {})
        case model:
            raise refusal(f"<backend model={model!r}> of <rng>", rng)
    options: dict[str, Any] = {"rng": f"obj{name}", "id": name}
    if rng.rate is not None:
        options |= {"max-bytes": rng.rate.bytes, "period": rng.rate.period or 1000}
    line.device(
        f"virtio-rng-pci{model_suffix(rng.model)}", {**options, **driver_options(rng.driver), **guest.slot(rng)}
    )
