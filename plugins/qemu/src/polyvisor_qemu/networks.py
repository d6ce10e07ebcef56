"""The host's end of a network card: ``-netdev``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.support import described, only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine


def add(interface: Any, line: CommandLine, guest: Guest) -> str:
    """Put the backend on the command line; returns its id."""
    identifier = f"host{guest.alias(interface)}"
    build = _BACKENDS.get(str(interface.type))
    if build is None:
        raise refusal(f"{described(interface)}", interface)
    if interface.backend is not None and interface.backend.type not in (None, "default"):
        raise refusal(f"backend type={interface.backend.type!r} of {described(interface)}", interface)
    if interface.script is not None:
        raise refusal(
            f"<script> of {described(interface)}", interface, why="would run a program of the document's choice"
        )
    if str(interface.type) != "user" and (interface.port_forwards or interface.ips):
        raise refusal(f"<portForward> or <ip> of {described(interface)}", interface, why="needs type='user'")
    build(interface, line, identifier, guest)
    return identifier


def _user(interface: Any, line: CommandLine, identifier: str, guest: Guest) -> None:
    """QEMU's own user-mode network (slirp), which needs no privilege."""
    only(interface.source, inside=described(interface))
    only(interface.target, inside=described(interface))
    options: dict[str, Any] = {"id": identifier}
    for address in interface.ips:
        only(address, "address", "family", "prefix", inside=described(interface))
        if ":" in address.address:
            options |= {"ipv6-prefix": address.address, "ipv6-prefixlen": address.prefix}
        else:
            options["net"] = f"{address.address}/{address.prefix}" if address.prefix else address.address
    parts = [
        "user",
        *(f"{name}={str(value).replace(',', ',,')}" for name, value in options.items() if value is not None),
    ]
    parts += [f"hostfwd={rule}" for forward in interface.port_forwards for rule in _forwards(interface, forward)]
    line.plain("netdev", ",".join(parts))


def _forwards(interface: Any, forward: Any) -> list[str]:
    """``proto:host address:host port-:guest port``, a rule for each port."""
    only(forward, "proto", "address", "ranges", inside=described(interface))
    if forward.address is not None and ":" in forward.address:
        raise refusal(f"address {forward.address} of <portForward>", forward, why="must be an IPv4 address")
    rules = []
    for span in forward.ranges:
        if span.exclude:
            raise refusal("exclude='yes' of <range>", span)
        start, end = int(span.start), int(span.end or span.start)
        to = int(span.to or span.start)
        if end - start > 256:
            raise refusal(
                f"<range start='{start}' end='{end}'>", span, why="has more than the 256 ports one rule may have"
            )
        rules += [
            f"{forward.proto}:{forward.address or ''}:{port}-:{to + port - start}" for port in range(start, end + 1)
        ]
    return rules


def _socket(mode: str) -> Any:
    def build(interface: Any, line: CommandLine, identifier: str, guest: Guest) -> None:
        source = interface.source
        address = f"{source.address or ''}:{source.port}"
        line.option("netdev", "socket", id=identifier, **{mode: address})

    return build


def _null(interface: Any, line: CommandLine, identifier: str, guest: Guest) -> None:
    line.option("netdev", "hubport", id=identifier, hubid=int(identifier.removeprefix("hostnet")) + 1)


def _udp(interface: Any, line: CommandLine, identifier: str, guest: Guest) -> None:
    source = interface.source
    ours = f"{source.local.address or ''}:{source.local.port}"
    line.option("netdev", "socket", id=identifier, udp=f"{source.address}:{source.port}", localaddr=ours)


_BACKENDS = {
    "user": _user,
    "server": _socket("listen"),
    "client": _socket("connect"),
    "mcast": _socket("mcast"),
    "udp": _udp,
    "null": _null,
}
