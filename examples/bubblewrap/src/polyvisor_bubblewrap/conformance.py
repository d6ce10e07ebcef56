"""What the conformance suite has to know about sandboxes."""

import tempfile

from polyvisor.testing import Target

GUEST = """
<domain type='bubblewrap'>
  <name>guest</name>
  <memory unit='KiB'>65536</memory>
  <os>
    <type>exe</type>
    <init>/bin/sleep</init>
    <initarg>infinity</initarg>
  </os>
</domain>
"""


def target(scratch):
    """Sandboxes below a directory of their own. Each sees what every other process sees, at once."""
    root = tempfile.mkdtemp(dir=scratch)
    return Target(uri=f"bubblewrap:///embed?root={root}", document=GUEST, processes=True)
