"""What the conformance suite has to know about VMware: a guest without disks, which needs no datastore prepared.

The suite is pointed at a server with ``--polyvisor-uri esx://...``; the password comes from
``POLYVISOR_ESX_PASSWORD``.
"""

from __future__ import annotations

from polyvisor.testing import Target
from polyvisor.testing.equipment import Parts

GUEST = """
<domain type='vmware'>
  <name>guest</name>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os>
</domain>
"""

target = Target(
    uri="esx://localhost/",
    document=GUEST,
    processes=True,
    local=False,
    answers=False,
    echoes=False,
    fresh_ids=False,
    undefines_running=False,
    separate_copies=False,
    balloons=False,
    paused_shows=False,
    assigned=frozenset({"{http://libvirt.org/schemas/domain/vmware/1.0}moref"}),
    stored_only=frozenset({"set_numa_parameters"}),
    parts=Parts(
        disk="",
        cdrom="<disk type='file' device='cdrom'>{source}<target dev='{target}' bus='sata'/><readonly/></disk>",
        interface="<interface type='bridge'><mac address='{mac}'/><source bridge='VM Network'/></interface>",
        balloon="",
        targets=("sdx", "sdy", "sdz"),
    ),
)
"""Nothing runs inside: without VMware Tools nobody answers requests. Ids are those of managed objects, and a guest that
comes back is another; hard disks would have to be on a datastore first. The screen of a paused guest went to disk with
its memory."""
