"""What the conformance suite has to know about the simulated hypervisor."""

from __future__ import annotations

from polyvisor.testing import Target

GUEST = """
<domain type='test'>
  <name>guest</name>
  <memory unit='KiB'>65536</memory>
  <vcpu>1</vcpu>
  <os><type arch='i686'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <serial type='pty'/>
  </devices>
</domain>
"""

target = Target(
    uri="test:///default",
    document=GUEST,
    shared=False,  # each connection has a node of its own
    agent=True,
    channel="<channel type='unix'><target type='virtio' name='org.example.conformance'/></channel>",
    real_disks=False,
    destination="test:///default",
)
"""A simulated system is up at once, answers every request, and sends back what it reads."""
