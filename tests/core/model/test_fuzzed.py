"""What fuzzing and growing documents found: each of these was once read, and written as what could not be read."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.errors import InvalidDocument

DOMAIN = "<domain type='kvm'><name>a</name>{}<os><type>hvm</type></os><devices/></domain>"
VOLUME = "<volume><name>a</name>{}</volume>"


@pytest.mark.parametrize(
    ("kind", "xml", "path", "said"),
    [
        (
            "storagevol",
            VOLUME.format("<capacity unit='KiB'>18446744073709551615</capacity><target/>"),
            "/volume/capacity",
            "is more than 18446744073709551615 bytes",
        ),
        (
            "storagevol",
            VOLUME.format("<target><clusterSize unit='TiB'>18446744073709551615</clusterSize></target>"),
            "/volume/target/clusterSize",
            "is more than 18446744073709551615 bytes",
        ),
        ("domain", DOMAIN.format("<memory unit='TiB'>18446744073709551615</memory>"), "/domain/memory", "more than"),
        (
            "storagepool",
            "<pool type='zfs'><source><name>tank/guests</name></source></pool>",
            "/pool/name",
            "cannot take over 'tank/guests'",
        ),
    ],
)
def test_what_could_not_be_written_down_is_refused(kind, xml, path, said):
    with pytest.raises(InvalidDocument) as refused:
        model.check(kind, model.complete(kind, model.parse(kind, xml)))
    (fault, *_) = [fault for fault in refused.value.faults if fault.path == path]
    assert said in fault.message
