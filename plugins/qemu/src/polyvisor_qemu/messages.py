"""What stands against a guest: how it is tainted, and what of it QEMU is going to drop."""

from __future__ import annotations

from polyvisor.local import configuration, guests, listing
from polyvisor.spi import DomainRef
from polyvisor_qemu.session import QemuSession


def messages(session: QemuSession, domain: DomainRef, *, deprecation: bool, tainting: bool) -> list[str]:
    """A sentence for each. Raises NoSuchDomain."""
    guests.require(session, domain)
    found = listing.taints(session, domain) if tainting else []
    return [*found, *_deprecations(session, domain)] if deprecation else found


def _deprecations(session: QemuSession, domain: DomainRef) -> list[str]:
    config = configuration.current(session, domain)
    if config.devices is None or config.devices.emulator is None:
        return []
    emulator = session.answers.emulator(config.devices.emulator)
    machine = emulator.machine(config.os.type.machine)
    found = []
    if machine is not None and machine.deprecated:
        found.append(f"deprecated configuration: machine type '{machine.name}'")
    model = config.cpu.model.name if config.cpu is not None and config.cpu.model is not None else None
    if any(cpu.name == model and cpu.deprecated for cpu in emulator.cpus()):
        found.append(f"deprecated configuration: CPU model '{model}'")
    return found
