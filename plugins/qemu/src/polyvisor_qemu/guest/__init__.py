"""A guest in one sector, for machines ``pc`` and ``q35`` with their BIOS.

It prints :data:`BANNER` on its first serial port, echoes what it receives there, and powers off on the ACPI power
button: a whole life in a fraction of a second, even emulated. The source is ``boot.S``, beside the image.
"""

from importlib.resources import files
from pathlib import Path

BANNER = "Polyvisor boot-sector guest ready"
"""What the guest prints when it listens, and not before."""

POWER_OFF, RESET, PANIC = b"\x04", b"\x12", b"\x10"
"""What to send it: it powers itself off (Ctrl-D), resets itself (Ctrl-R), panics (Ctrl-P; needs a pvpanic device)."""


def image_path() -> Path:
    """Where the image lies: raw, 504 KiB, good as a disk on any bus.

    It is never written to. Attach it read-only to let several guests use it at once; an IDE disk cannot be
    read-only, so copy the image for one."""
    return Path(str(files(__name__) / "boot.img"))


def source_path() -> Path:
    """Where the assembler source lies."""
    return Path(str(files(__name__) / "boot.S"))
