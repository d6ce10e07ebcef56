"""Can this process make virtual machines with KVM? Asked of the kernel, not guessed from a file's presence.

Source: Documentation/virt/kvm/api.rst of the kernel.
"""

from __future__ import annotations

import fcntl
import os

_CREATE_VM = 0xAE01
_CHECK_EXTENSION = 0xAE03
_CAPABILITY_MAX_VCPUS = 66
_CAPABILITY_NR_VCPUS = 9


def can_create_vm(device: str | os.PathLike[str] = "/dev/kvm") -> bool:
    """Make a machine and drop it again."""
    return refusal(device) is None


def refusal(device: str | os.PathLike[str] = "/dev/kvm") -> str | None:
    """Why ``device`` makes no machines, in a person's words; None when it does."""
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return f"{os.fspath(device)} does not exist: the kvm module is not loaded, or the firmware has it switched off"
    except OSError as error:
        return f"{os.fspath(device)} cannot be opened: {(error.strerror or str(error)).lower()}"
    try:
        os.close(fcntl.ioctl(descriptor, _CREATE_VM, 0))
    except OSError as error:
        return f"the kernel refuses to create a machine: {(error.strerror or str(error)).lower()}"
    finally:
        os.close(descriptor)
    return None


def max_vcpus(device: str | os.PathLike[str] = "/dev/kvm") -> int | None:
    """Most vCPUs of one machine; None where KVM cannot be asked."""
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        for capability in (_CAPABILITY_MAX_VCPUS, _CAPABILITY_NR_VCPUS):
            if count := fcntl.ioctl(descriptor, _CHECK_EXTENSION, capability):
                return count
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None
