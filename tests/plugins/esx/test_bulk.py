"""Large replies: views of them read as pyvmomi's objects do, over a transport that stays as careful as it was."""

from __future__ import annotations

import gzip
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pyVmomi import vim, vmodl
from pyVmomi.SoapAdapter import SoapResponseDeserializer
from pyVmomi.VmomiSupport import versionMap

from polyvisor.errors import AccessDenied, HypervisorError, NotFound
from polyvisor_esx import properties, replies, transport
from polyvisor_esx.address import Address

Device = vim.vm.device
Collector = vmodl.query.PropertyCollector
COLLECTOR = Collector("propertyCollector")


def envelope(body: str, *, head: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    ).encode()


def page(*objects: str, token: str = "", call: str = "RetrievePropertiesEx") -> bytes:
    told = f"<token>{token}</token>" if token else ""
    return envelope(
        f'<{call}Response xmlns="urn:vim25"><returnval>{told}{"".join(objects)}</returnval></{call}Response>'
    )


def guest(number: int, *held: tuple[str, str, str], more: str = "") -> str:
    sets = "".join(
        f'<propSet><name>{name}</name><val xsi:type="{kind}">{inner}</val></propSet>' for name, kind, inner in held
    )
    return f'<objects><obj type="VirtualMachine">vm-{number}</obj>{sets}{more}</objects>'


def parsed(reply: bytes) -> Any:
    reader = replies.parser()
    reader.feed(reply)
    return replies.body_of(reader.close())


def rows(reply: bytes) -> list[tuple[Any, dict[str, Any]]]:
    return [row for result in replies.children(parsed(reply), "returnval") for row in properties.rows_of(result, None)]


def held(kind: str, inner: str) -> Any:
    """The value of one property, as a view."""
    ((_ref, row),) = rows(page(guest(1, ("it", kind, inner))))
    return row["it"]


def by_pyvmomi(kind: str, inner: str) -> Any:
    """The same as pyvmomi reads it."""
    reply = page(guest(1, ("it", kind, inner)))
    result = SoapResponseDeserializer(None).Deserialize(reply, Collector.RetrieveResult)
    return result.objects[0].propSet[0].val


# -- values ---------------------------------------------------------------------------------------------------------

VALUES = [
    ("xsd:string", "Gr&#252;n &amp; <![CDATA[<blau>]]> 猫"),
    ("xsd:string", ""),
    ("xsd:int", "-7"),
    ("xsd:long", "1099511627776"),
    ("xsd:short", "5"),
    ("xsd:byte", "1"),
    ("xsd:double", "2.5"),
    ("xsd:boolean", "true"),
    ("xsd:boolean", "0"),
    ("xsd:base64Binary", "AAH/"),
    ("xsd:anyURI", "https://host/"),
    ("VirtualMachinePowerState", "poweredOff"),
    ("ArrayOfString", "<string>a</string><string/>"),
    ("ArrayOfInt", "<int>3</int><int>1</int>"),
    ("ArrayOfLong", ""),
    ("ArrayOfManagedObjectReference", '<ManagedObjectReference type="Network">network-7</ManagedObjectReference>'),
]


@pytest.mark.parametrize(("kind", "inner"), VALUES)
def test_values_are_those_that_pyvmomi_finds(kind: str, inner: str) -> None:
    mine, theirs = held(kind, inner), by_pyvmomi(kind, inner)
    assert mine == theirs
    assert isinstance(mine, list) == isinstance(theirs, list)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-23T03:48:29.084342007Z", datetime(2026, 11, 23, 3, 48, 29, 84342, UTC)),
        ("2010-04-08T05:45:11-07:00", datetime(2010, 4, 8, 5, 45, 11, 0, timezone(timedelta(hours=-7)))),
        ("2010-04-08T05:45:11", datetime(2010, 4, 8, 5, 45, 11, 0, UTC)),
    ],
)
def test_times_have_a_zone(written: str, meant: datetime) -> None:
    assert held("xsd:dateTime", written) == meant


def test_prefixes_and_layout_are_the_servers_affair() -> None:
    reply = (
        b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Header/>\n <s:Body>\n"
        b"<v:RetrievePropertiesExResponse xmlns:v='urn:vim25' xmlns:i='http://www.w3.org/2001/XMLSchema-instance'"
        b" xmlns:x='http://www.w3.org/2001/XMLSchema'>\n <v:returnval>\n <v:objects><!-- one -->\n"
        b" <v:obj type='VirtualMachine'>vm-1</v:obj>\n <v:propSet>\n  <v:name>name</v:name>\n"
        b"  <v:val i:type='x:string'>web</v:val></v:propSet>\n"
        b" <v:propSet><v:name>hw</v:name><v:val i:type='v:VirtualHardware'>\n<v:numCPU>2</v:numCPU></v:val></v:propSet>"
        b"</v:objects></v:returnval></v:RetrievePropertiesExResponse></s:Body></s:Envelope>"
    )
    ((ref, row),) = rows(reply)
    assert ref == vim.VirtualMachine("vm-1")
    assert (row["name"], row["hw"].numCPU) == ("web", 2)


def test_a_word_that_is_newer_than_pyvmomi_stays_what_it_is() -> None:
    assert held("VirtualMachinePowerState", "hibernating") == "hibernating"


def test_a_type_that_is_newer_than_pyvmomi_is_named() -> None:
    with pytest.raises(HypervisorError, match="QuantumState"):
        held("QuantumState", "")


def test_a_device_that_is_newer_than_pyvmomi_is_a_device() -> None:
    found = held("ArrayOfVirtualDevice", '<VirtualDevice xsi:type="VirtualQuantumDisk"><key>5</key></VirtualDevice>')
    assert type(found[0]).__name__ == "vim.vm.device.VirtualDevice"
    assert found[0].key == 5


# -- objects ----------------------------------------------------------------------------------------------------------

HARDWARE = """<numCPU>2</numCPU><memoryMB>64</memoryMB>
<device xsi:type="ParaVirtualSCSIController"><key>1000</key><busNumber>0</busNumber><device>2000</device>
 <device>2001</device><sharedBus>noSharing</sharedBus></device>
<device xsi:type="VirtualDisk"><key>2000</key>
 <backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>[ds] web/d.vmdk</fileName>
  <datastore type="Datastore">datastore-9</datastore><diskMode>persistent</diskMode><thinProvisioned>1</thinProvisioned>
 </backing><controllerKey>1000</controllerKey><unitNumber>0</unitNumber><capacityInKB>1024</capacityInKB></device>
<device xsi:type="VirtualE1000"><key>4000</key><macAddress>00:0c:29:00:00:01</macAddress></device>"""


def hardware() -> Any:
    return held("VirtualHardware", HARDWARE)


def test_objects_are_of_pyvmomis_classes() -> None:
    controller, disk, card = hardware().device
    assert isinstance(controller, Device.VirtualSCSIController)
    assert isinstance(disk, Device.VirtualDisk)
    assert not isinstance(disk, Device.VirtualController)
    match disk.backing:
        case Device.VirtualDisk.FlatVer2BackingInfo():
            pass
        case other:
            pytest.fail(f"{other} is no such backing")
    assert isinstance(card, Device.VirtualEthernetCard)
    assert type(card).__name__ == "vim.vm.device.VirtualE1000"


def test_properties_are_found_and_converted() -> None:
    controller, disk, _card = hardware().device
    assert (controller.key, controller.device, controller.sharedBus) == (1000, [2000, 2001], "noSharing")
    assert disk.backing.datastore == vim.Datastore("datastore-9")
    assert (disk.backing.thinProvisioned, disk.capacityInKB) == (True, 1024)


def test_what_is_absent_is_as_pyvmomi_has_it() -> None:
    mine, theirs = hardware(), by_pyvmomi("VirtualHardware", HARDWARE)
    for ours, other in zip((mine, *mine.device), (theirs, *theirs.device), strict=True):
        for each in other._GetPropertyList():
            if each.name not in ("device", "backing"):
                assert getattr(ours, each.name) == getattr(other, each.name), each.name


def test_a_property_that_no_such_object_has_is_refused() -> None:
    with pytest.raises(AttributeError, match="colour"):
        _ = hardware().colour
    assert getattr(hardware(), "colour", None) is None


def test_views_print_as_objects_do() -> None:
    assert str(hardware().device[1].backing) == str(by_pyvmomi("VirtualHardware", HARDWARE).device[1].backing)


def test_a_property_may_be_set() -> None:
    disk = hardware().device[1]
    disk.capacityInKB = 2048
    assert disk.capacityInKB == 2048


def test_faults_are_faults_with_their_words() -> None:
    inner = (
        '<key>task-1</key><error><fault xsi:type="InvalidPowerState"><existingState>poweredOn</existingState></fault>'
        "<localizedMessage>It runs.</localizedMessage></error><startTime>2026-01-01T00:00:00Z</startTime>"
    )
    error = held("TaskInfo", inner).error
    assert isinstance(error, vim.fault.InvalidPowerState)
    assert (error.existingState, error.msg) == ("poweredOn", "It runs.")


def test_what_the_user_may_not_see_is_left_out() -> None:
    missing = (
        "<missingSet><path>config.uuid</path><fault><fault xsi:type='NoPermission'/>"
        "<localizedMessage>no</localizedMessage></fault></missingSet>"
    )
    ((_ref, row),) = rows(page(guest(1, ("name", "xsd:string", "web"), more=missing)))
    assert row == {"name": "web"}


# -- hostile --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE a [<!ENTITY b "c">]>',
        '<!DOCTYPE a SYSTEM "file:///etc/hostname">',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]>',
    ],
)
def test_document_types_are_refused(head: str) -> None:
    with pytest.raises(HypervisorError, match="document type"):
        parsed(envelope("<a/>", head=head))


@pytest.mark.parametrize("reply", [b"<html><body>hello</body></html>", envelope("")])
def test_what_is_no_message_is_refused(reply: bytes) -> None:
    with pytest.raises(HypervisorError, match="no SOAP message"):
        parsed(reply)


# -- over the wire ----------------------------------------------------------------------------------------------------

EXPIRED = (
    "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>The session is not authenticated.</faultstring>"
    '<detail><NotAuthenticatedFault xmlns="urn:vim25" xsi:type="NotAuthenticated">'
    '<object type="Folder">f</object><privilegeId>System.View</privilegeId></NotAuthenticatedFault>'
    "</detail></soapenv:Fault>"
)
FORBIDDEN = EXPIRED.replace("NotAuthenticated", "NoPermission").replace("System.View", "Host.Inventory")
GONE = (
    "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>gone</faultstring><detail>"
    '<ManagedObjectNotFoundFault xmlns="urn:vim25" xsi:type="ManagedObjectNotFound">'
    '<obj type="ContainerView">v</obj></ManagedObjectNotFoundFault></detail></soapenv:Fault>'
)

Answer = tuple[int, bytes, dict[str, str]]


class Server(http.server.ThreadingHTTPServer):
    """Gives its answers in turn, and keeps the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.requests: list[bytes] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.server.requests.append(self.rfile.read(int(self.headers["Content-Length"])))
        status, body, headers = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if "Content-Length" in headers:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def stub(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[transport.Transport]:
    monkeypatch.setattr(transport, "PAUSE", 0)
    address = Address("esx", "127.0.0.1", server.server_address[1], tls=False)
    made = transport.Transport(address, version=versionMap["vim25/5.5"], timeout=10)
    yield made
    made.shut()


@pytest.fixture
def read(stub: transport.Transport) -> Callable[[], dict[Any, dict[str, Any]]]:
    """Reads the names of the guests in a view."""
    view = vim.view.ContainerView("v", stub)
    return lambda: properties.of_view(Collector("c", stub), vim.VirtualMachine, ("name",), view)


def names(count: int, first: int = 1) -> list[str]:
    return [guest(number, ("name", "xsd:string", f"g{number}")) for number in range(first, first + count)]


Read = Callable[[], dict[Any, dict[str, Any]]]


def test_every_page_is_read(server: Server, read: Read) -> None:
    server.answers = [
        (200, page(*names(2), token="t&amp;1"), {}),
        (200, page(*names(2, 3), token="t2", call="ContinueRetrievePropertiesEx"), {}),
        (200, page(*names(1, 5), call="ContinueRetrievePropertiesEx"), {}),
    ]
    assert [row["name"] for row in read().values()] == ["g1", "g2", "g3", "g4", "g5"]
    assert b">t&amp;1</token>" in server.requests[1]
    assert b">t2</token>" in server.requests[2]


def test_nothing_found_is_nothing(server: Server, read: Read) -> None:
    server.answers = [(200, envelope('<RetrievePropertiesExResponse xmlns="urn:vim25"/>'), {})]
    assert read() == {}


def test_packed_answers_are_unpacked(server: Server, read: Read) -> None:
    server.answers = [(200, gzip.compress(page(*names(300))), {"Content-Encoding": "gzip"})]
    assert len(read()) == 300


def test_references_call_through_the_same_session(server: Server, read: Read, stub: transport.Transport) -> None:
    server.answers = [(200, page(*names(1)), {})]
    assert next(iter(read()))._GetStub() is stub


def test_an_answer_that_breaks_off_is_asked_for_again(server: Server, read: Read) -> None:
    whole = page(*names(3))
    server.answers = [(200, whole[:200], {"Content-Length": str(len(whole))}), (200, whole, {})]
    assert len(read()) == 3
    assert len(server.requests) == 2


@pytest.mark.parametrize("bad", [(503, b"busy", {}), (200, b"<html", {}), (200, b"", {})])
def test_a_server_in_trouble_is_asked_again(server: Server, read: Read, bad: Answer) -> None:
    server.answers = [bad, (200, page(*names(1)), {})]
    assert len(read()) == 1


def test_trouble_that_stays_is_told(server: Server, read: Read) -> None:
    server.answers = [(503, b"busy", {})] * transport.ATTEMPTS
    with pytest.raises(HypervisorError, match="503"):
        read()


@pytest.mark.parametrize(("fault", "error"), [(FORBIDDEN, AccessDenied), (GONE, NotFound)])
def test_faults_are_errors_of_ours(server: Server, read: Read, fault: str, error: type[Exception]) -> None:
    server.answers = [(500, envelope(fault), {})]
    with pytest.raises(error):
        read()
    assert len(server.requests) == 1


def test_an_expired_session_is_renewed(server: Server, read: Read, stub: transport.Transport) -> None:
    logins: list[int] = []
    stub.login = lambda: logins.append(1)
    server.answers = [(500, envelope(EXPIRED), {}), (200, page(*names(1)), {})]
    assert len(read()) == 1
    assert logins == [1]


# -- in parts ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def parts(stub: transport.Transport, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Iterator[Any]]:
    """Reads the names of so many guests, two at a time."""
    monkeypatch.setattr(properties, "PART", 2)

    def read(count: int) -> Iterator[Any]:
        machines = [vim.VirtualMachine(f"vm-{number}", stub) for number in range(1, count + 1)]
        return properties.in_parts(Collector("c", stub), vim.VirtualMachine, ("name",), machines)

    return read


Parts = Callable[[int], Iterator[Any]]


def test_the_next_part_is_asked_for_before_this_one_is_looked_at(server: Server, parts: Parts) -> None:
    server.answers = [(200, page(*names(2)), {}), (200, page(*names(2, 3)), {}), (200, page(*names(1, 5)), {})]
    reading = parts(5)
    assert next(reading)[1]["name"] == "g1"
    assert reached(lambda: len(server.requests) == 2)
    assert [row["name"] for _ref, row in reading] == ["g2", "g3", "g4", "g5"]
    assert [request.count(b"<objectSet>") for request in server.requests] == [2, 2, 1]


def reached(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within ten seconds."""
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:
        threading.Event().wait(0.005)
    return condition()


def test_no_guests_are_no_question(server: Server, parts: Parts) -> None:
    assert list(parts(0)) == []
    assert server.requests == []


def test_parts_have_pages_too(server: Server, parts: Parts) -> None:
    server.answers = [
        (200, page(*names(1), token="t"), {}),
        (200, page(*names(1, 2), call="ContinueRetrievePropertiesEx"), {}),
    ]
    assert [row["name"] for _ref, row in parts(2)] == ["g1", "g2"]


@pytest.mark.parametrize("bad", [(503, b"busy", {}), (200, b"<html", {}), (500, envelope(GONE), {})])
def test_a_part_that_fails_is_asked_for_again(server: Server, parts: Parts, bad: Answer) -> None:
    server.answers = [bad, (200, page(*names(2)), {})]
    assert len(list(parts(2))) == 2


def test_a_login_that_expires_between_parts_is_renewed(server: Server, parts: Parts, stub: transport.Transport) -> None:
    logins: list[int] = []
    stub.login = lambda: logins.append(1)
    expired = (500, envelope(EXPIRED), {})
    server.answers = [(200, page(*names(2)), {}), expired, expired, (200, page(*names(2, 3)), {})]
    assert len(list(parts(4))) == 4
    assert logins == [1]


def test_who_stops_reading_leaves_nothing_open(server: Server, parts: Parts, stub: transport.Transport) -> None:
    server.answers = [(200, page(*names(2)), {}), (200, page(*names(2, 3)), {})]
    reading: Any = parts(4)
    next(reading)
    reading.close()
    assert stub.pool == []


def test_arguments_may_be_written_beforehand(server: Server, stub: transport.Transport) -> None:
    server.answers = [(200, envelope('<QueryPerfResponse xmlns="urn:vim25"/>'), {})]
    manager = vim.PerformanceManager("p", stub)
    stub.answer(manager, vim.PerformanceManager.QueryPerf, written="<querySpec><maxSample>1</maxSample></querySpec>")
    assert b"</_this><querySpec><maxSample>1</maxSample></querySpec></QueryPerf>" in server.requests[0]
