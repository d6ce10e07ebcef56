"""Polyvisor's side of the compatibility corpus: one thin function for each suite, calling the public API only.

The corpus itself is not part of this repository; its ``score.py`` loads this file and says how each function is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from polyvisor import model
from polyvisor.documents import diagnose as faults_of
from polyvisor.documents.owners import Owners
from polyvisor.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidDocument,
    InvalidURI,
    NotFound,
    UnsupportedConfiguration,
)
from polyvisor.host import Host
from polyvisor.host.cpuinfo import parse_cpuinfo
from polyvisor.host.cputimes import parse_cpu_times
from polyvisor.host.document import capabilities_host
from polyvisor.host.numa import Cell, PagePool
from polyvisor.host.records import CpuTimes
from polyvisor.host.sysinfo import parse_dmidecode, parse_processors
from polyvisor.model import addressing, backup, checkpoint, snapshot, storagevol
from polyvisor.model.capabilities import Capabilities
from polyvisor.model.domain import Devices
from polyvisor.model.domain.completion import check, complete
from polyvisor.model.network.consistency import range_contradictions
from polyvisor.model.network.ip import DhcpRange
from polyvisor.model.network.update import update
from polyvisor.model.storagepool import PoolType
from polyvisor.model.storagepoolcaps import capabilities as pool_capabilities
from polyvisor.uri import parse_uri
from polyvisor_esx import datastores, times, vmxfile
from polyvisor_esx.authfile import AuthFile
from polyvisor_esx.layout import lay_out
from polyvisor_esx.vmx_reading import from_vmx
from polyvisor_esx.vmx_writing import to_vmx
from polyvisor_lxc.importing import from_configuration

OWNERS = Owners()
"""What the installed packages bring to documents."""


def validate(xml: bytes, kind: str) -> bool:
    try:
        model.parse(kind, xml, contributions=OWNERS)
    except InvalidDocument:
        return False
    return True


def diagnose(xml: bytes, kind: str) -> list[dict[str, Any]]:
    return [fault.as_dict() for fault in faults_of(xml, model.root(kind), contributions=OWNERS)]


def genericxml2xml(case: Any) -> dict[str, str]:
    try:
        domain = complete(model.parse("domain", case.bytes(), contributions=OWNERS), new=False)
        check(domain)
    except InvalidDocument:
        return {"rejected": "parse"}
    return {"xml": model.format(domain, live=case.params["active"], secure=True)}


def lxcxml2xml(case: Any) -> dict[str, str]:
    return genericxml2xml(case)


def lxcconf2xml(case: Any) -> dict[str, str]:
    try:
        domain = from_configuration(case.read())
    except (InvalidArgument, UnsupportedConfiguration) as error:
        return {"rejected": "parse", "why": str(error)}
    domain.uuid = case.params["uuid"]
    domain.devices = (domain.devices or Devices()).replace(emulator=case.environment["lxc"]["emulator"])
    return {"xml": model.format(complete(domain, new=False), live=False)}


def vmx2xml(case: Any) -> dict[str, str]:
    try:
        domain = from_vmx(case.bytes(), find=_file_on_a_host, datacenter_path=case.params["datacenterPath"])
    except (InvalidArgument, UnsupportedConfiguration) as error:
        return {"rejected": "parse", "why": str(error)}
    return {"xml": model.format(domain, secure=True)}


def _file_on_a_host(name: str, may_be_missing: bool) -> str | None:
    """The host of the cases: the guest lies in ``[datastore] directory``, files called ``missing`` are not there."""
    found = datastores.from_mounted(name)
    if found is None:
        return name if name.startswith("/") else str(datastores.DatastorePath("datastore", f"directory/{name}"))
    if "missing" not in (found.datastore, found.path.partition("/")[0]):
        return str(found)
    if may_be_missing:
        return None
    raise InvalidArgument(f"{name} is missing")


def xml2vmx(case: Any) -> dict[str, str]:
    try:
        domain = complete(lay_out(model.parse("domain", case.bytes(), contributions=OWNERS)), new=False)
        return {"vmx": to_vmx(domain, hardware=case.params["virtualHW_version"])}
    except (InvalidDocument, UnsupportedConfiguration) as error:
        return {"rejected": "build", "why": str(error)}


def esxutils(case: Any) -> dict[str, Any]:
    match case.params["op"]:
        case "cp1252_to_utf8":
            return {"result": vmxfile.decoded(case.params["input_bytes_latin1"].encode("latin-1"), "cp1252", "it")}
        case "datetime_to_unix":
            text, expected = case.params["args"]
            return {"result": times.seconds(text) == expected}
        case "escape_datastore_item":
            name, expected = case.params["args"]
            return {"result": datastores.escape_item(name) == expected}
    text, code, *expected = case.params["args"]
    try:
        found = datastores.parse_path(text)
    except InvalidArgument:
        return {"result": code != 0}
    return {"result": code == 0 and [found.datastore, found.directory, found.path] == expected}


def virauthconfig(case: Any) -> dict[str, Any]:
    asked = (case.params[name] for name in ("service", "host", "cred"))
    return {"result": AuthFile.parse(case.params["inline_input"]).lookup(*asked)}


def networkxml2xml(case: Any) -> dict[str, str]:
    return _finished("network", case)


def networkxml2xmlupdate(case: Any) -> dict[str, str]:
    command, section = (case.params[name].replace("_", "-") for name in ("command", "section"))
    network = model.parse("network", case.bytes(case.params["base"]))
    try:
        changed = update(network, command, section, case.read(), parent_index=case.params["parent_index"])
    except (AlreadyExists, InvalidArgument, InvalidDocument, NotFound) as error:
        return {"rejected": "build", "why": str(error)}
    return {"xml": model.format(changed)}


def nwfilterxml2xml(case: Any) -> dict[str, str]:
    return _finished("nwfilter", case)


def nwfilterbinding(case: Any) -> dict[str, str]:
    return _finished("nwfilterbinding", case)


def networkport(case: Any) -> dict[str, str]:
    return _finished("networkport", case)


def interfacexml2xml(case: Any) -> dict[str, str]:
    return _finished("interface", case)


def secretxml2xml(case: Any) -> dict[str, str]:
    return _finished("secret", case)


def _finished(kind: str, case: Any) -> dict[str, str]:
    """A document read, completed, checked and written."""
    try:
        document = model.parse(kind, case.bytes(), contributions=OWNERS)
        model.check(kind, model.complete(kind, document))
    except InvalidDocument as error:
        return {"rejected": "parse", "why": str(error)}
    return {"xml": model.format(document, live=not case.params.get("inactive"), secure=True)}


def viruri(case: Any) -> dict[str, Any]:
    try:
        return {"result": str(parse_uri(case.params["inline_input"]))}
    except InvalidURI:
        return {"rejected": "parse"}


FAMILIES = {"AF_INET": 4, "AF_INET6": 6, "AF_UNSPEC": None, "AF_UNIX": 0}


def socketaddr(case: Any) -> dict[str, Any]:
    """Each case is an operation on addresses and its result; the last argument says whether it succeeds at all."""
    *arguments, outcome = case.params["args"]
    try:
        found = SOCKET_OPERATIONS[case.params["op"]](*arguments)
    except ValueError:
        found = False
    return {"ok": (str(found).lower() if outcome in ("true", "false") else str(found)) == outcome}


def _formatted(text: str, expected: str, family: str) -> bool:
    return addressing.canonical(str(addressing.ip(text, FAMILIES[family]))) == expected


def _span(start: str, end: str, within: Any, size: str) -> bool:
    given = DhcpRange(start=start, end=end)
    return not list(range_contradictions(given, within)) and given.size == int(size)


SOCKET_OPERATIONS: dict[str, Callable[..., Any]] = {
    "localhost": lambda text: addressing.ip(text).is_loopback,
    "wildcard": addressing.is_wildcard,
    "numeric_family": lambda text: "AF_INET6" if addressing.ip(text).version == 6 else "AF_INET",
    "parse_and_check_format": _formatted,
    "parse_and_format": lambda text, family: _formatted(text, text, family),
    "mask_network": lambda text, length: addressing.network(text, int(length)).network_address,
    "netmask": lambda one, other, mask: addressing.network(one, mask) == addressing.network(other, mask),
    "range": lambda start, end, at, prefix, size: _span(start, end, addressing.network(at, int(prefix)), size),
    "range_simple": lambda start, end, size: _span(start, end, None, size),
}


def virhostcpu(case: Any) -> dict[str, str]:
    match case.params["what"]:
        case "nodeinfo":
            return {"expected": _node_information(case)}
        case "cpu signature":
            return {"signature": parse_cpuinfo(case.read(), case.params["arch"]).signature or ""}
    try:
        accounts = [parse_cpu_times(case.read(), cpu) for cpu in (None, *range(case.params["ncpus"]))]
    except InvalidArgument:
        return {"rejected": "build"}
    return {"out": "".join(_time_account(number, times) for number, times in enumerate(accounts))}


def _node_information(case: Any) -> str:
    places = {"/proc/cpuinfo": case.path(case.inputs[0]), "/sys/devices/system": case.path(case.inputs[1])}
    info = Host("/nonexistent", places=places, arch=case.params["arch"]).info()
    return (
        f"CPUs: {info.cpus}/{info.cells * info.sockets * info.cores * info.threads}, MHz: {info.mhz}, "
        f"Nodes: {info.cells}, Sockets: {info.sockets}, Cores: {info.cores}, Threads: {info.threads}"
    )


def _time_account(number: int, times: CpuTimes) -> str:
    label = f"cpu{number - 1}" if number else "cpu"
    return f"{label}:\nkernel: {times.kernel}\nuser: {times.user}\nidle: {times.idle}\niowait: {times.iowait}\n\n"


def vircaps2xml(case: Any) -> dict[str, str]:
    places = {place: case.path(f"tests/{recorded}") for place, recorded in case.params["map"].items()}
    host = Host("/nonexistent", places=places, arch=case.params["arch"])
    sizes = case.environment["numa_mock"]["page_sizes_kib"]
    # the recorded hosts have no memory; the corpus says in words (numa_mock) what stands in for it
    host.cells = tuple(_with_stand_in_memory(cell, sizes) for cell in host.cells)
    found = capabilities_host(host, live_migration=case.params["live_migrate"])
    return {"xml": model.format(Capabilities(host=found))}


def _with_stand_in_memory(cell: Cell, sizes: list[int]) -> Cell:
    pages = (PagePool(size, (cell.id + 1 + place) * 2048, 0) for place, size in enumerate(sizes))
    return replace(cell, memory_kib=(cell.id + 1) * 2**20, pages=tuple(pages), distances={})


def sysinfo(case: Any) -> dict[str, str]:
    texts = {"sysinfo" if "sysinfo.data" in name else "cpuinfo": case.read(name) for name in case.inputs}
    arch = {"virSysinfoReadDMI": "x86_64", "virSysinfoReadARM": "aarch64", "virSysinfoReadS390": "s390x"}
    found = parse_dmidecode(texts.get("sysinfo", ""))
    if not found.bios:
        reader = arch[case.params["reader"]]
        found = parse_processors(texts.get("cpuinfo", ""), texts.get("sysinfo", ""), reader)
    return {"xml": model.format(found)}


def nodedevxml2xml(case: Any) -> dict[str, str]:
    return _finished("nodedev", case)


def storagepoolxml2xml(case: Any) -> dict[str, str]:
    return _finished("storagepool", case)


def storagevolxml2xml(case: Any) -> dict[str, str]:
    try:
        pool = model.parse("storagepool", case.bytes(case.params["pool"]), contributions=OWNERS)
        volume = model.parse("storagevol", case.bytes())
        model.check("storagevol", storagevol.complete(volume, pool.type))
    except InvalidDocument as error:
        return {"rejected": "parse", "why": str(error)}
    return {"xml": model.format(volume, secure=True)}


def storagepoolcaps(case: Any) -> dict[str, str]:
    """The cases have no input: a connection with pools in mounted filesystems (``fs``), or with all there are."""
    supported = [PoolType.FS] if case.name == "fs" else list(PoolType)
    return {"xml": model.format(pool_capabilities(supported))}


def domainsnapshot(case: Any) -> dict[str, str]:
    created = case.params.get("creationTime")
    try:
        found = model.parse("domainsnapshot", case.bytes(), contributions=OWNERS)
        if case.params.get("redefine"):
            snapshot.restore(found)
        elif created is not None:
            snapshot.take(found, created=created, domain=case.params["uuid"])
        model.check("domainsnapshot", found)
    except InvalidDocument as error:
        return {"rejected": "parse", "why": str(error)}
    return {"xml": model.format(found, secure=True)}


EARLIER_CHECKPOINT = "1525111885"
"""The checkpoint that the cases with TEST_PARENT have before; the corpus names it only in its answers."""


def domaincheckpoint(case: Any) -> dict[str, str]:
    created, arranged = (*case.params["args"], "", "")[:2]
    try:
        found = model.parse("domaincheckpoint", case.bytes(), contributions=OWNERS)
        if case.params.get("redefine"):
            checkpoint.restore(found)
        else:
            parent = EARLIER_CHECKPOINT if "TEST_PARENT" in arranged else None
            checkpoint.take(found, created=int(created) if created else None, parent=parent)
        if found.disks is None and "TEST_VDA_BITMAP" in arranged:  # the domain has that one disk
            checkpoint.align(found, ["vda"])
        model.check("domaincheckpoint", found)
    except InvalidDocument as error:
        return {"rejected": "parse", "why": str(error)}
    return {"xml": model.format(found, secure=True)}


def domainbackup(case: Any) -> dict[str, str]:
    try:
        found = model.parse("domainbackup", case.bytes())
        names = [disk.name for disk in found.disks.disks] if found.disks else []
        backup.align(found, {name: f"/fake/{name}.qcow2" for name in [*names, "vdextradisk"]}, "SUFFIX")
    except InvalidDocument as error:
        return {"rejected": "parse", "why": str(error)}
    return {"xml": model.format(found, secure=True)}
