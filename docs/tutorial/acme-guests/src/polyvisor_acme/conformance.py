"""What the conformance suite has to know about ACME."""

from polyvisor.testing import Target

GUEST = """
<domain type='acme'>
  <name>guest</name>
  <memory unit='KiB'>65536</memory>
  <vcpu>1</vcpu>
  <os>
    <type>hvm</type>
  </os>
</domain>
"""

# Each connection has guests of its own.
target = Target(uri="acme:///", document=GUEST, shared=False)
