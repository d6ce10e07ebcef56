"""Facts about a host from sysfs and procfs: this one, or a recorded copy of another.

``Host()`` reads nothing until it is asked.
``polyvisor.host.document`` writes the ``<host>`` of a capabilities document.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyvisor.host.cpulist import format_cpu_list as format_cpu_list
    from polyvisor.host.cpulist import parse_cpu_list as parse_cpu_list
    from polyvisor.host.facts import Host as Host
    from polyvisor.host.identity import host_name as host_name
    from polyvisor.host.kvm import can_create_vm as can_create_vm

_HOMES = {
    "Host": "facts",
    "can_create_vm": "kvm",
    "format_cpu_list": "cpulist",
    "host_name": "identity",
    "parse_cpu_list": "cpulist",
}

__all__ = ["Host", "can_create_vm", "format_cpu_list", "host_name", "parse_cpu_list"]


def __getattr__(name: str) -> Any:
    # a driver that lists guests pays for none of this
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
