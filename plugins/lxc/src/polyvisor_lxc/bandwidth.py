"""Limits on the traffic of containers: queueing disciplines on the host's ends of their interfaces.

What a container receives leaves the host's end and is shaped there (HTB); what it sends arrives there and is dropped
beyond the limit (policing). See tc(8), tc-htb(8) and tc-police(8).
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from polyvisor.errors import HypervisorError, InvalidArgument
from polyvisor.operations.tuning import Bandwidth, InterfaceBandwidth
from polyvisor.spi import Affect, DomainRef
from polyvisor_lxc import changes, finding, tools
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

log = logging.getLogger(__name__)

_TIME = 10.0
_LEAST_BURST = 2
"""KiB: the least burst that lets a full packet pass."""


def limits(session: LxcSession, domain: DomainRef, name: str, affect: Affect) -> InterfaceBandwidth:
    """The limits of one interface, by the document."""
    written = finding.interface(changes.reading(session, domain, affect), name).bandwidth
    if written is None:
        return InterfaceBandwidth()
    return InterfaceBandwidth(_record(written.inbound), _record(written.outbound))


def _record(limit: Any) -> Bandwidth | None:
    if limit is None:
        return None
    return Bandwidth(limit.average or 0, limit.peak or 0, limit.burst or 0, getattr(limit, "floor", None) or 0)


def set_limits(
    session: LxcSession,
    domain: DomainRef,
    name: str,
    inbound: Bandwidth | None,
    outbound: Bandwidth | None,
    affect: Affect,
) -> None:
    """Limit one interface."""
    from polyvisor.model.domain.devices import interface as elements

    for limit in (inbound, outbound):
        _check(limit, outwards=limit is outbound and limit is not inbound)
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            found = finding.interface(config, name)
            made = found.bandwidth or elements.InterfaceBandwidth()
            if inbound is not None:
                made.inbound = _element(elements.InboundLimit, inbound, "average", "peak", "burst", "floor")
            if outbound is not None:
                made.outbound = _element(elements.BandwidthLimit, outbound, "average", "peak", "burst")
            if config is change.live:
                former = found.bandwidth.copy() if found.bandwidth is not None else None
                end = host_end(found)
                init = change.found.init
                change.undo.append(partial(apply, end, former, init))
                apply(end, made, init)
            found.bandwidth = made if made.inbound or made.outbound else None
    changes.tell_tuned(session, change, {"interface": name})


def host_end(interface: Any) -> str:
    """The name of the host's end. Raises InvalidArgument for an interface that has none to be limited at."""
    if interface.target is None or not interface.target.dev:
        raise InvalidArgument(
            f"an interface of type {interface.type} has no end on the host where its traffic could be limited",
            driver="lxc",
        )
    return str(interface.target.dev)


def _check(limit: Bandwidth | None, *, outwards: bool) -> None:
    """Raise InvalidArgument for a limit that no document can express."""
    if limit is None:
        return
    if min(limit.average, limit.peak, limit.burst, limit.floor) < 0:
        raise InvalidArgument(f"{limit} has a negative rate", driver="lxc", hint="0 is no limit")
    if (limit.peak or limit.burst) and not limit.average:
        raise InvalidArgument("a peak or a burst goes with an average", driver="lxc", hint="say the average too")
    if limit.floor:
        where = "outwards" if outwards else "without virtual networks"
        raise InvalidArgument(f"a floor cannot be guaranteed {where}", driver="lxc")


def _element(kind: Any, limit: Bandwidth, *names: str) -> Any:
    values = {name: getattr(limit, name) or None for name in names}
    return kind(**values) if any(values.values()) else None


# -- the kernel's side ------------------------------------------------------------------------------------


def apply(device: str, limits: Any, init: int | None) -> None:
    """Give the host's end ``device`` exactly these limits (a ``<bandwidth>`` element, None for none).

    Where the kernel cannot police what comes from the container, it is shaped at the container's own end, found by the
    pid of its init; the container's root could take that away."""
    inner = _container_end(device, init) if init is not None else None
    for place in ("root", "ingress"):
        _tc("qdisc", "del", "dev", device, place, missing=True)
    if inner is not None:
        _tc("qdisc", "del", "dev", inner, "root", missing=True, init=init)
    inbound, outbound = (limits.inbound, limits.outbound) if limits is not None else (None, None)
    if inbound is not None and inbound.average:
        _shape(device, inbound, None)
    if outbound is not None and outbound.average:
        try:
            _police(device, outbound)
        except HypervisorError:
            if inner is None:
                raise
            log.warning("this kernel cannot police %s: it is shaped at the container's end", device)
            _tc("qdisc", "del", "dev", device, "ingress", missing=True)
            _shape(inner, outbound, init)


def _shape(device: str, limit: Any, init: int | None) -> None:
    rate, ceiling = f"{limit.average}kibps", f"{limit.peak or limit.average}kibps"
    burst = f"{max(_LEAST_BURST, limit.burst or limit.average // 10)}kb"
    _tc("qdisc", "add", "dev", device, "root", "handle", "1:", "htb", "default", "1", init=init)
    words = ("parent", "1:", "classid", "1:1", "htb", "rate", rate, "ceil", ceiling, "burst", burst)
    _tc("class", "add", "dev", device, *words, init=init)


def _police(device: str, limit: Any) -> None:
    burst = f"{max(_LEAST_BURST, limit.burst or limit.average)}kb"
    _tc("qdisc", "add", "dev", device, "ingress")
    police = ("police", "rate", f"{limit.average}kibps", "burst", burst, "mtu", "64kb", "drop", "flowid", ":1")
    _tc("filter", "add", "dev", device, "parent", "ffff:", "protocol", "all", "u32", "match", "u32", "0", "0", *police)


def _container_end(device: str, init: int) -> str | None:
    """The name in the container of the other end of ``device``: the device of the number that it links to."""
    import json

    try:
        with open(f"/sys/class/net/{device}/iflink", encoding="ascii") as file:
            number = int(file.read())
    except (OSError, ValueError):
        return None
    words = [*tools.entering(init, "net"), tools.find("ip"), "-json", "link", "show"]
    answer = tools.run(words, timeout=_TIME)
    rows = json.loads(answer.output or "[]") if not answer.code else []
    return next((str(row["ifname"]) for row in rows if row.get("ifindex") == number), None)


def apply_all(running: Domain, init: int | None) -> None:
    """Limit the interfaces of a container that has just been started."""
    held: Any = running.devices
    for interface in held.interfaces:
        if interface.bandwidth is not None:
            apply(host_end(interface), interface.bandwidth, init)


def _tc(*words: str, missing: bool = False, init: int | None = None) -> None:
    inside = tools.entering(init, "net") if init is not None else []
    answer = tools.run([*inside, tools.find("tc"), *words], timeout=_TIME)
    if answer.code and not missing:
        raise HypervisorError(
            f"the kernel does not limit the interface {words[3]}: {answer.errors.strip()}",
            driver="lxc",
            hint="it needs the queueing disciplines sch_htb and sch_ingress, and the action act_police",
        )
