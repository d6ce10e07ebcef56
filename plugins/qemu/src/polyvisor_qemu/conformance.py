"""What the conformance suite has to know about QEMU: its guest is the boot sector that comes with the driver."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from polyvisor.testing import Target
from polyvisor_qemu.guest import BANNER, image_path

GUEST = """
<domain type='qemu'>
  <name>guest</name>
  <memory unit='KiB'>65536</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <disk type='file'>
      <driver name='qemu' type='raw'/><source file='{disk}'/><target dev='hda'/>
    </disk>
    <serial type='pty'/>
  </devices>
</domain>
"""


def target(scratch: Path) -> Target:
    """Guests under a root of their own in ``scratch``, emulated: an accelerator need not be there."""
    root = tempfile.mkdtemp(prefix="pv", dir=scratch)  # paths of sockets are bounded: a short name

    def document(name: str, uuid: str) -> str:
        disk = scratch / f"{uuid}.img"
        shutil.copyfile(image_path(), disk)  # an IDE disk cannot be read-only, so guests cannot share one
        return GUEST.format(disk=disk)

    return Target(
        uri=f"qemu:///embed?root={root}",
        document=document,
        processes=True,
        banner=BANNER.encode(),
    )
