"""The types of domains, one for each hypervisor that runs them."""

from __future__ import annotations

from enum import StrEnum

from polyvisor.documents import datatypes as dt


class DomainType(StrEnum):
    """The hypervisor a guest is written for."""

    QEMU = "qemu"
    KVM = "kvm"
    KQEMU = "kqemu"
    HVF = "hvf"
    XEN = "xen"
    LXC = "lxc"
    UML = "uml"
    OPENVZ = "openvz"
    TEST = "test"
    VMWARE = "vmware"
    HYPERV = "hyperv"
    VBOX = "vbox"
    PHYP = "phyp"
    PARALLELS = "parallels"
    BHYVE = "bhyve"
    VZ = "vz"


DOMAIN_TYPE = dt.opened("domain type", DomainType)
"""The datatype of a domain's type; a driver for another hypervisor contributes ``DOMAIN_TYPE.word("acme")``."""
