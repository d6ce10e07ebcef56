"""How much of the host's disks and networks a domain may use.

Rates of disks are bytes or operations per second. Rates of networks are KiB per second and bursts KiB, as in the
``<bandwidth>`` element.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from polyvisor.errors import (
    HypervisorError,
    InvalidArgument,
    InvalidState,
    NoSuchDevice,
    NoSuchDomain,
    UnsupportedConfiguration,
)
from polyvisor.operations.declaration import STORES, operation
from polyvisor.operations.records import Affect, DomainRef, Parameters
from polyvisor.operations.session import Session

BLKIO_PARAMETERS = (
    "weight",
    "device_weight",
    "device_read_iops_sec",
    "device_write_iops_sec",
    "device_read_bytes_sec",
    "device_write_bytes_sec",
)
"""Names of the host's block I/O tunables. ``weight`` is 10 to 1000; the others are per host device, written
``/dev/sda,500,/dev/sdb,200``, an empty text for none, a value of 0 to take one away."""

IO_TUNE_PARAMETERS = (
    "total_bytes_sec",
    "read_bytes_sec",
    "write_bytes_sec",
    "total_iops_sec",
    "read_iops_sec",
    "write_iops_sec",
    "total_bytes_sec_max",
    "read_bytes_sec_max",
    "write_bytes_sec_max",
    "total_iops_sec_max",
    "read_iops_sec_max",
    "write_iops_sec_max",
    "total_bytes_sec_max_length",
    "read_bytes_sec_max_length",
    "write_bytes_sec_max_length",
    "total_iops_sec_max_length",
    "read_iops_sec_max_length",
    "write_iops_sec_max_length",
    "size_iops_sec",
    "group_name",
)
"""Names of the limits of ``<iotune>``: bytes or operations per second, 0 for none; lengths in seconds;
``size_iops_sec`` the bytes that count as one operation; ``group_name`` shares a limit between disks.
A total excludes the read and the write limit of the same kind."""


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """A limit on one direction of a network device.

    ``average``, ``peak`` and ``floor`` (guaranteed; inbound only) are KiB/s, ``burst`` KiB; 0 is none."""

    average: int = 0
    peak: int = 0
    burst: int = 0
    floor: int = 0


@dataclass(frozen=True, slots=True)
class InterfaceBandwidth:
    """Limits of a network device, ``inbound`` being what the guest receives; None is no limit."""

    inbound: Bandwidth | None = None
    outbound: Bandwidth | None = None


@operation(capability="blkio.params", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def blkio_parameters(session: Session, domain: DomainRef, *, affect: Affect = Affect.CURRENT) -> Parameters:
    """The domain's share of the host's block devices, by :data:`BLKIO_PARAMETERS`."""
    raise NotImplementedError


@operation(
    capability="blkio.params.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
    extra_permissions=STORES,
)
def set_blkio_parameters(
    session: Session, domain: DomainRef, parameters: Mapping[str, int | str], *, affect: Affect = Affect.CURRENT
) -> None:
    """Change some of :data:`BLKIO_PARAMETERS`; those not named, and devices not named, stay."""
    raise NotImplementedError


@operation(capability="blkio.tune", permission="domain:read", raises=(NoSuchDomain, InvalidState, NoSuchDevice))
def block_io_tune(session: Session, domain: DomainRef, disk: str, *, affect: Affect = Affect.CURRENT) -> Parameters:
    """The limits of one disk, by :data:`IO_TUNE_PARAMETERS`. ``disk`` is its target (``vda``) or its source path."""
    raise NotImplementedError


@operation(
    capability="blkio.tune.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice, HypervisorError),
    extra_permissions=STORES,
)
def set_block_io_tune(
    session: Session,
    domain: DomainRef,
    disk: str,
    parameters: Mapping[str, int | str],
    *,
    affect: Affect = Affect.CURRENT,
) -> None:
    """Change limits of one disk.

    Naming one rate of bytes (or of operations) resets the others of that kind; lengths and sizes not named stay.
    With ``group_name`` every disk of the group gets the limits."""
    raise NotImplementedError


@operation(
    capability="blkio.throttle-group",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
    extra_permissions=STORES,
)
def set_throttle_group(
    session: Session,
    domain: DomainRef,
    group: str,
    parameters: Mapping[str, int],
    *,
    affect: Affect = Affect.CURRENT,
) -> None:
    """Add or change a named limit that disks refer to with ``<throttlefilter group=.../>``.

    ``parameters`` are those :data:`IO_TUNE_PARAMETERS` that are numbers."""
    raise NotImplementedError


@operation(
    capability="blkio.throttle-group.remove",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, NoSuchDevice, HypervisorError),
    extra_permissions=STORES,
)
def remove_throttle_group(session: Session, domain: DomainRef, group: str, *, affect: Affect = Affect.CURRENT) -> None:
    """Remove a named limit. Raises InvalidState, naming the disk, while one refers to it."""
    raise NotImplementedError


@operation(
    capability="blk.threshold",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice),
)
def set_block_threshold(session: Session, domain: DomainRef, disk: str, threshold: int) -> None:
    """Send a block-threshold event once the guest writes beyond ``threshold`` bytes into the image; 0 forgets it.

    ``disk`` is a target (``vda``), or with an index one image of its chain (``vda[1]``). It fires once."""
    raise NotImplementedError


@operation(
    capability="blk.resize",
    permission="domain:block_write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice, UnsupportedConfiguration, HypervisorError),
)
def resize_block(session: Session, domain: DomainRef, disk: str, size: int | None, *, extend: bool = False) -> None:
    """Make a running guest's disk ``size`` bytes large, and tell the guest.

    ``disk`` is a target or a source path. A ``size`` of None takes that of the block device underneath;
    InvalidArgument when there is none.
    ``extend`` refuses to make the disk smaller; without it, what lies beyond a smaller size is lost."""
    raise NotImplementedError


@operation(capability="net.bandwidth", permission="domain:read", raises=(NoSuchDomain, InvalidState, NoSuchDevice))
def interface_bandwidth(
    session: Session, domain: DomainRef, interface: str, *, affect: Affect = Affect.CURRENT
) -> InterfaceBandwidth:
    """The limits of one network device. ``interface`` is its MAC address or its target name (``vnet0``)."""
    raise NotImplementedError


@operation(
    capability="net.bandwidth.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice, UnsupportedConfiguration, HypervisorError),
    extra_permissions=STORES,
)
def set_interface_bandwidth(
    session: Session,
    domain: DomainRef,
    interface: str,
    *,
    inbound: Bandwidth | None = None,
    outbound: Bandwidth | None = None,
    affect: Affect = Affect.CURRENT,
) -> None:
    """Limit a network device; None leaves a direction as it is, ``Bandwidth()`` takes its limit away.

    Raises InvalidArgument for a negative rate, a peak or a burst without an average, a floor outwards."""
    raise NotImplementedError
