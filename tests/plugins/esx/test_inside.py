"""Keys, names of devices, tickets and marks of suspended guests, without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from polyvisor.cli.input import KEYCODES
from polyvisor.errors import (
    AccessDenied,
    ConnectFailed,
    HypervisorError,
    InvalidArgument,
    NotFound,
    PolyvisorError,
)
from polyvisor.model import parse
from polyvisor.operations.input import Codeset
from polyvisor.spi import DomainState, StateInfo
from polyvisor_esx import extraconfig, guests, keys, labels, pages, tickets
from polyvisor_esx.credentials import Credentials

# -- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "usage"),
    {"A": 0x04, "1": 0x1E, "0": 0x27, "ENTER": 0x28, "ESC": 0x29, "SPACE": 0x2C, "F12": 0x45, "DELETE": 0x4C}.items(),
)
def test_keys_are_usages_of_the_usb_tables(name: str, usage: int) -> None:
    assert keys.usage(KEYCODES[f"KEY_{name}"], Codeset.LINUX) == usage


def test_every_key_of_a_pc_keyboard_is_there() -> None:
    known = keys.usages(Codeset.LINUX)
    rare = "RESERVED LINEFEED MACRO KPPLUSMINUS SCALE KPJPCOMMA MENU CALC SETUP SLEEP WAKEUP"
    missing = {name for name, code in KEYCODES.items() if code not in known}
    assert missing <= {f"KEY_{name}" for name in rare.split()}


def test_no_two_keys_have_one_usage() -> None:
    found = list(keys.usages(Codeset.LINUX).values())
    assert len(found) == len(set(found))
    assert set(found) <= keys.USAGES


@pytest.mark.parametrize("codeset", [each for each in Codeset if each is not Codeset.USB])
def test_a_numbering_has_letters_digits_and_arrows(codeset: Codeset) -> None:
    reached = set(keys.usages(codeset).values())
    assert {*range(0x04, 0x28), *range(0x4F, 0x53), *range(0x3A, 0x46)} <= reached


@pytest.mark.parametrize("written", [0xE01C, 0x11C, 0x9C])
def test_extended_codes_are_written_in_three_ways(written: int) -> None:
    assert {keys.usage(written, each) for each in keys.SET_1} == {0x58}


def test_modifiers_are_held_while_the_others_are_typed() -> None:
    assert keys.strokes([0xE0, 0x04, 0xE2, 0x05]) == [
        (0x04, ("leftControl", "leftAlt")),
        (0x05, ("leftControl", "leftAlt")),
    ]
    assert keys.strokes([0xE1, 0xE3]) == [(0xE3, ("leftShift",))]
    assert keys.strokes([0x04, 0x04]) == [(0x04, ()), (0x04, ())]


@pytest.mark.parametrize("codeset", list(Codeset))
@pytest.mark.parametrize("code", [-1, 1 << 20])
def test_what_is_no_key_is_refused_by_the_name_of_the_numbering(codeset: Codeset, code: int) -> None:
    with pytest.raises(InvalidArgument, match=codeset.value):
        keys.usage(code, codeset)


# -- names of devices -----------------------------------------------------------------------------------------------


def test_names_of_users_go_by_target_and_address() -> None:
    document: Any = parse(
        "domain",
        "<domain type='vmware'><name>a</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        "<disk type='file'><source file='[a] b.vmdk'/><target dev='sda'/><alias name='ua-disk'/></disk>"
        "<disk type='file'><source file='[a] c.vmdk'/><target dev='sdb'/><alias name='scsi0-0-1'/></disk>"
        "<interface type='bridge'><mac address='00:0C:29:AA:BB:CC'/><source bridge='x'/>"
        "<alias name='ua-net'/></interface>"
        "</devices></domain>",
    )
    names = {"00:0c:29:aa:bb:cc": "ua-net", "sda": "ua-disk"}
    assert labels.asked(document) == names
    written = labels.as_setting(names)
    assert written is not None
    assert labels.given({extraconfig.ALIASES: written}) == names


@pytest.mark.parametrize("written", ["", "[]", "7", "{", "null"])
def test_names_that_cannot_be_read_are_none(written: str) -> None:
    assert labels.given({extraconfig.ALIASES: written} if written else {}) == {}
    assert labels.as_setting({}) is None


# -- suspended --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "state"),
    [
        ("", StateInfo(DomainState.PAUSED, "user")),
        ("saved", StateInfo(DomainState.SHUT_OFF, "saved")),
        ("saved paused", StateInfo(DomainState.SHUT_OFF, "saved")),
        ("standby", StateInfo(DomainState.PM_SUSPENDED, "unknown")),
        ("something newer", StateInfo(DomainState.PAUSED, "user")),
    ],
)
def test_a_mark_says_what_a_suspension_means(mark: str, state: StateInfo) -> None:
    session: Any = SimpleNamespace(remembered={}, heard={})
    machine: Any = SimpleNamespace(_GetMoId=lambda: "vm-1")
    row = {"runtime.powerState": "suspended", guests.MARK: mark}
    assert guests.state_of(session, machine, row) == state


def test_marks_of_many_guests_are_one_question() -> None:
    asked: list[list[Any]] = []

    def properties(kind: Any, paths: Any, refs: Any) -> Any:
        asked.append(list(refs))
        option = SimpleNamespace(key=extraconfig.SUSPENDED, value="saved")
        return {"b": {"config.extraConfig": [option]}, "c": {}}

    rows: dict[Any, dict[str, Any]] = {
        "a": {"runtime.powerState": "poweredOn"},
        "b": {"runtime.powerState": "suspended"},
        "c": {"runtime.powerState": "suspended"},
    }
    session: Any = SimpleNamespace(properties=properties)
    guests.read_marks(session, rows)
    assert asked == [["b", "c"]]
    assert [row.get(guests.MARK) for row in rows.values()] == [None, "saved", ""]
    guests.read_marks(session, {"a": rows["a"]})
    assert len(asked) == 1


def test_a_guest_that_goes_meanwhile_takes_no_others_with_it() -> None:
    def properties(kind: Any, paths: Any, refs: Any = None) -> Any:
        if refs is not None:
            raise NotFound("one of them is gone")
        return {"b": {"config.extraConfig": [SimpleNamespace(key=extraconfig.SUSPENDED, value="saved")]}}

    rows: dict[Any, dict[str, Any]] = {each: {"runtime.powerState": "suspended"} for each in "ab"}
    session: Any = SimpleNamespace(properties=properties)
    guests.read_marks(session, rows)
    assert [row[guests.MARK] for row in rows.values()] == ["", "saved"]


# -- tickets ----------------------------------------------------------------------------------------------------------


def test_a_ticket_of_an_older_host_has_a_url_too_and_is_not_shown() -> None:
    session: Any = SimpleNamespace(address=SimpleNamespace(host="esx.example.org", port=443))
    given = SimpleNamespace(host=None, port=None, sslThumbprint=None, cfgFile="[a] b.vmx", ticket="secret-1", url=None)
    found = tickets._ticket(session, "webmks", given)
    assert found.url == "wss://esx.example.org:443/ticket/secret-1"
    assert "secret-1" not in repr(found)


# -- pages ------------------------------------------------------------------------------------------------------------


class Page:
    """A connection that answers one request, and the session it belongs to."""

    def __init__(self, status: int = 200, body: bytes = b"picture", *, tls: bool = True) -> None:
        self.status, self.reason, self.body = status, "Somehow", body
        self.asked: dict[str, Any] = {}
        self.open = True
        transport = SimpleNamespace(cookie="vmware_soap_session=1; Path=/", GetConnection=lambda: self)
        self.session: Any = SimpleNamespace(
            transport=transport,
            address=SimpleNamespace(tls=tls, host="esx", port=443),
            service_time=lambda: None,
            authorization=Credentials("root", "secret").header,
        )

    def request(self, method: str, where: str, headers: dict[str, str]) -> None:
        self.asked = {"method": method, "where": where, **headers}
        self.open = True

    def getresponse(self) -> Page:
        return self

    def read(self, size: int) -> bytes:
        return self.body[:size]

    def close(self) -> None:
        self.open = False


def test_a_page_is_asked_for_with_the_cookie_and_the_password_where_it_wants_one() -> None:
    page = Page()
    assert pages.get(page.session, "/screen", {"id": "vm 1&2"}, password=True) == b"picture"
    assert page.asked["where"] == "/screen?id=vm%201%262"
    assert page.asked["Cookie"] == "vmware_soap_session=1"
    assert page.asked["Authorization"] == "Basic cm9vdDpzZWNyZXQ="
    assert not page.open


@pytest.mark.parametrize(("tls", "password"), [(False, True), (True, False)])
def test_no_password_goes_where_all_can_read_it_or_none_was_asked_for(tls: bool, password: bool) -> None:
    page = Page(tls=tls)
    pages.get(page.session, "/screen", {}, password=password)
    assert "Authorization" not in page.asked


@pytest.mark.parametrize(
    ("status", "error"), [(401, ConnectFailed), (403, AccessDenied), (404, NotFound), (500, HypervisorError)]
)
def test_a_page_that_is_refused_says_why(status: int, error: type[PolyvisorError]) -> None:
    page = Page(status)
    with pytest.raises(error, match=f"HTTP {status}") as refusal:
        pages.get(page.session, "/screen", {}, password=True)
    assert "secret" not in str(refusal.value)
    assert not page.open


def test_a_page_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "LARGEST", 4)
    with pytest.raises(HypervisorError, match="more than"):
        pages.get(Page().session, "/screen", {})


def test_a_file_is_asked_for_by_datastore_and_data_centre() -> None:
    page = Page()
    pages.file(page.session, "[my store] web server/web #1.vmx", "Folder/DC")
    assert page.asked["where"] == "/folder/web%20server/web%20%231.vmx?dcPath=Folder%2FDC&dsName=my%20store"
