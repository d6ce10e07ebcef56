"""What goes in as a document comes out as that document."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from polyvisor.documents import write
from polyvisor.errors import (
    AlreadyExists,
    InvalidDocument,
    InvalidState,
    NoSuchDomain,
    PolyvisorError,
    UnsupportedConfiguration,
)
from polyvisor.operations.records import DomainState
from polyvisor.testing.bench import Bench
from polyvisor.testing.documents import without
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

LARGE = "<memory unit='KiB'>131072</memory>"
NOTE = "http://example.org/conformance"

PARTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "title": ("<title>A title</title>", lambda found: found.title == "A title"),
    "unicode title": ("<title>Größe 数据 🚀</title>", lambda found: found.title == "Größe 数据 🚀"),
    "description": (
        '<description>Two\nlines, &lt;marked&gt; &amp; "quoted"</description>',
        lambda found: found.description == 'Two\nlines, <marked> & "quoted"',
    ),
    "metadata": (
        f"<metadata><n:note xmlns:n='{NOTE}' kind='a'>kept<n:more/></n:note></metadata>",
        lambda found: "kept" in found.metadata.get(NOTE) and "more" in found.metadata.get(NOTE),
    ),
    "memory": (LARGE, lambda found: found.memory_kib == 131072),
    "memory in MiB": ("<memory unit='MiB'>96</memory>", lambda found: found.memory_kib == 98304),
    "vcpus": ("<vcpu>3</vcpu>", lambda found: found.vcpu.count == 3),
    "clock": ("<clock offset='localtime'/>", lambda found: found.clock.offset == "localtime"),
    "on_poweroff": ("<on_poweroff>destroy</on_poweroff>", lambda found: found.on_poweroff == "destroy"),
    "on_reboot": ("<on_reboot>destroy</on_reboot>", lambda found: found.on_reboot == "destroy"),
    "on_crash": ("<on_crash>destroy</on_crash>", lambda found: found.on_crash == "destroy"),
    "topology": (
        "<vcpu>2</vcpu><cpu><topology sockets='1' cores='2' threads='1'/></cpu>",
        lambda found: found.cpu.topology.cores == 2,
    ),
}


# -- define and dump ----------------------------------------------------------------------------------------------


@needs("domain.xml")
@pytest.mark.parametrize("part", PARTS)
def test_what_a_document_says_is_kept(bench: Bench, part: str) -> None:
    text, kept = PARTS[part]
    domain = bench.define(extra=text)
    assert kept(domain.config())
    assert kept(bench.read(domain.xml()))


@needs("domain.xml", "domain.destroy")
@pytest.mark.parametrize("part", PARTS)
def test_a_running_guest_has_what_its_document_says(bench: Bench, part: str) -> None:
    text, kept = PARTS[part]
    domain = bench.start(bench.define(extra=text))
    assert kept(domain.config())
    assert kept(domain.config(inactive=True))
    domain.destroy()
    assert kept(domain.config())


@needs("domain.xml")
def test_every_device_of_the_document_is_kept(bench: Bench) -> None:
    text = bench.document()
    asked = bench.read(text)
    domain = bench.connection.define(text)
    found: Any = domain.config()
    for device in asked.devices or ():
        assert [each.tag for each in found.devices].count(device.tag) >= 1, f"<{device.tag}> is lost"


@needs("domain.xml")
def test_a_dumped_document_defines_the_same_domain(bench: Bench, connection: Connection, defined: Domain) -> None:
    text = defined.xml()
    defined.undefine()
    again = connection.define(text)
    assert again == defined
    assert without(again.xml(), bench.target.assigned) == without(text, bench.target.assigned)


@needs("domain.xml")
def test_defining_what_was_dumped_changes_nothing(connection: Connection, defined: Domain) -> None:
    text = defined.xml()
    assert connection.define(text) == defined
    assert defined.xml() == text


@needs("domain.xml")
def test_a_model_object_is_as_good_as_text(bench: Bench, connection: Connection) -> None:
    config = bench.read(bench.document())
    domain = connection.define(config)
    assert (domain.name, str(domain.uuid)) == (config.name, str(config.uuid))


@needs("domain.define", "domain.undefine")
def test_a_model_object_is_left_alone(bench: Bench, connection: Connection) -> None:
    config = bench.read(bench.document())
    before = write(config)
    connection.define(config)
    assert write(config) == before


@needs("domain.xml")
def test_a_dumped_document_is_the_callers_own(defined: Domain) -> None:
    before = defined.xml()
    config: Any = defined.config()
    config.name, config.title = "spoilt", "spoilt"
    config.devices = None
    assert defined.xml() == before


@needs("domain.xml")
def test_a_live_document_is_the_callers_own_too(running: Domain) -> None:
    before = running.xml()
    config: Any = running.config()
    config.name, config.title = "spoilt", "spoilt"
    config.devices = None
    assert running.xml() == before


@needs("domain.xml")
def test_a_dumped_document_of_a_running_guest_is_valid(bench: Bench, running: Domain) -> None:
    assert bench.read(running.xml()).id == running.id
    assert bench.read(running.xml(inactive=True)).id is None


@needs("domain.xml", "domain.destroy")
def test_a_live_document_says_the_id_of_the_instance(defined: Domain, bench: Bench) -> None:
    live: Any = bench.start(defined).config()
    assert live.id == defined.id
    defined.destroy()
    off: Any = defined.config()
    assert off.id is None


@needs("domain.xml", "domain.destroy")
def test_what_a_life_adds_to_the_document_goes_with_it(bench: Bench, defined: Domain) -> None:
    before = defined.xml()
    bench.start(defined).destroy()
    assert defined.xml() == before


@needs("domain.xml")
def test_asking_twice_gives_the_same_document(running: Domain) -> None:
    assert running.xml() == running.xml()
    assert running.xml(inactive=True) == running.xml(inactive=True)


@needs("domain.xml", "domain.create-transient")
def test_a_transient_guest_has_a_document(bench: Bench, connection: Connection) -> None:
    brief = connection.create(bench.document(extra="<title>brief</title>"))
    found: Any = brief.config()
    assert (found.name, found.title, found.id) == (brief.name, "brief", brief.id)


# -- secrets --------------------------------------------------------------------------------------------------------

SECRET = "<graphics type='vnc' autoport='yes' passwd='hush'/>"


@needs("domain_config(secure)")
def test_secrets_are_shown_to_those_who_ask(bench: Bench) -> None:
    domain = bench.define(devices=SECRET)
    assert "hush" in domain.xml(secure=True)
    assert "hush" in domain.xml(secure=True, inactive=True)


@needs("domain.xml")
def test_secrets_are_not_shown_to_those_who_do_not(bench: Bench) -> None:
    domain = bench.define(devices=SECRET)
    assert "hush" not in domain.xml() + domain.xml(inactive=True)


# -- replacing -------------------------------------------------------------------------------------------------------


@needs("domain.xml")
def test_redefining_replaces_what_is_stored(bench: Bench, connection: Connection, defined: Domain) -> None:
    connection.define(bench.document(defined.name, uuid=defined.uuid, extra=LARGE))
    assert bench.read(defined.xml()).memory_kib == 131072


@needs("domain.xml")
def test_redefining_leaves_out_what_is_not_said_again(bench: Bench, connection: Connection) -> None:
    domain = bench.define(extra="<title>old</title><description>old</description>")
    connection.define(bench.document(domain.name, uuid=domain.uuid))
    found: Any = domain.config()
    assert (found.title, found.description) == (None, None)


@needs("domain.xml")
def test_redefining_leaves_a_running_guest_as_it_is(bench: Bench, connection: Connection, running: Domain) -> None:
    bench.require(bench.target.separate_copies, "the hypervisor has one configuration of a guest")
    before = bench.read(running.xml()).memory_kib
    connection.define(bench.document(running.name, uuid=running.uuid, extra=LARGE))
    assert bench.read(running.xml()).memory_kib == before
    assert bench.read(running.xml(inactive=True)).memory_kib == 131072


@needs("domain.xml", "domain.destroy")
def test_what_was_redefined_counts_from_the_next_start(bench: Bench, connection: Connection, running: Domain) -> None:
    bench.require(bench.target.separate_copies, "the hypervisor has one configuration of a guest")
    connection.define(bench.document(running.name, uuid=running.uuid, extra=LARGE))
    running.destroy()
    assert bench.read(bench.start(running).xml()).memory_kib == 131072


@needs("domain.xml", "domain.state")
def test_redefining_does_not_stop_a_guest(bench: Bench, connection: Connection, running: Domain) -> None:
    bench.require(bench.target.separate_copies, "the hypervisor has one configuration of a guest")
    identity = running.id
    connection.define(bench.document(running.name, uuid=running.uuid, extra=LARGE))
    assert running.state().state is DomainState.RUNNING
    assert running.refresh().id == identity


# -- identity -------------------------------------------------------------------------------------------------------


@needs("domain.define", "domain.list")
@pytest.mark.parametrize("active", [False, True], ids=["off", "running"])
def test_a_name_belongs_to_one_domain(bench: Bench, connection: Connection, defined: Domain, active: bool) -> None:
    if active:
        bench.start(defined)
    before = connection.list_domains()
    with pytest.raises(AlreadyExists) as refusal:
        connection.define(bench.document(defined.name))
    assert defined.name in refusal.value.message
    assert connection.list_domains() == before


@needs("domain.define", "domain.list", "domain.xml")
def test_a_uuid_belongs_to_one_domain(bench: Bench, connection: Connection, defined: Domain) -> None:
    """Another name for a UUID is a rename, which is refused here, or one that is done whole."""
    other = bench.fresh_name()
    try:
        connection.define(bench.document(other, uuid=defined.uuid))
    except (AlreadyExists, InvalidState):
        assert defined.refresh().name != other
    else:
        assert defined.refresh().name == other
    assert [row.name for row in connection.list_domains() if row.ref.uuid == defined.uuid] == [defined.name]
    assert bench.read(defined.xml()).name == defined.name


@needs("domain.xml")
def test_the_uuid_of_the_document_is_the_domains(bench: Bench, connection: Connection) -> None:
    uuid = uuid4()
    domain = connection.define(bench.document(uuid=uuid))
    assert domain.uuid == uuid
    assert UUID(str(bench.read(domain.xml()).uuid)) == uuid


@needs("domain.xml")
@pytest.mark.parametrize("spell", [str.upper, lambda text: text.replace("-", "")], ids=["upper", "plain"])
def test_a_uuid_may_be_spelt_in_other_ways(bench: Bench, connection: Connection, spell: Callable[[str], str]) -> None:
    uuid = uuid4()
    assert connection.define(bench.document(uuid=uuid).replace(str(uuid), spell(str(uuid)))).uuid == uuid


@needs("domain.xml")
def test_a_uuid_is_made_for_a_document_without(bench: Bench, connection: Connection) -> None:
    uuid = uuid4()
    domain = connection.define(bench.document(uuid=uuid).replace(f"<uuid>{uuid}</uuid>", ""))
    assert domain.uuid != uuid and domain.uuid.int != 0
    assert UUID(str(bench.read(domain.xml()).uuid)) == domain.uuid


@needs("domain.xml", "domain.define")
def test_the_stored_is_there_for_the_next_connection(
    bench: Bench, second_connection: Connection, defined: Domain
) -> None:
    assert second_connection.domain(uuid=defined.uuid).xml() == defined.xml()


@needs("domain.undefine", "domain.lookup")
def test_what_is_undefined_is_gone(connection: Connection, defined: Domain) -> None:
    defined.undefine()
    for way in ({"name": defined.name}, {"uuid": defined.uuid}):
        with pytest.raises(NoSuchDomain):
            connection.domain(**way)


@needs("domain.undefine")
def test_undefining_twice_says_so(defined: Domain) -> None:
    defined.undefine()
    with pytest.raises(NoSuchDomain):
        defined.undefine()


@needs("domain.define", "domain.undefine", "domain.state")
def test_a_name_is_free_once_its_domain_is_gone(bench: Bench, defined: Domain) -> None:
    defined.undefine()
    again = bench.define(defined.name)
    assert again.name == defined.name and again.uuid != defined.uuid
    with pytest.raises(NoSuchDomain):
        defined.state()


# -- what is refused --------------------------------------------------------------------------------------------------

BROKEN: dict[str, tuple[Callable[[str], str], str]] = {
    "an unknown element": (lambda text: text.replace("<devices", "<colour/><devices", 1), "colour"),
    "an unknown attribute": (lambda text: text.replace("<memory", "<memory colour='1'", 1), "colour"),
    "a word for a number": (lambda text: text.replace(_memory(text), "<memory>much</memory>"), "much"),
    "a stray word": (lambda text: text.replace("<memory", "stray <memory", 1), "stray"),
    "two names": (lambda text: text.replace("<memory", "<name>two</name><memory", 1), "name"),
    "no end": (lambda text: text.replace("</domain>", ""), ""),
    "an entity": (lambda text: "<!DOCTYPE domain [<!ENTITY a 'b'>]>" + text, "DOCTYPE"),
    "nothing": (lambda text: "", ""),
    "another document": (lambda text: "<network><name>n</name></network>", "network"),
}


def _memory(text: str) -> str:
    return text[text.index("<memory") : text.index("</memory>") + len("</memory>")]


@needs("domain.define", "domain.list")
@pytest.mark.parametrize("broken", BROKEN)
def test_broken_documents_are_refused_and_store_nothing(bench: Bench, connection: Connection, broken: str) -> None:
    spoil, named = BROKEN[broken]
    before = connection.list_domains()
    with pytest.raises(InvalidDocument) as refusal:
        connection.define(spoil(bench.document()))
    assert named in str(refusal.value)
    assert connection.list_domains() == before


@needs("domain.define", "domain.xml")
def test_a_refused_redefinition_changes_nothing(bench: Bench, connection: Connection, defined: Domain) -> None:
    before = defined.xml()
    for spoil, _ in BROKEN.values():
        with pytest.raises(InvalidDocument):
            connection.define(spoil(bench.document(defined.name, uuid=defined.uuid)))
    assert defined.xml() == before


@needs("domain.define", "domain.list")
def test_another_hypervisors_domain_is_refused(bench: Bench, connection: Connection) -> None:
    text = bench.document()
    mine = f'type="{bench.read(text).type}"'
    assert mine in text
    other = "hyperv" if "hyperv" not in mine else "xen"
    before = connection.list_domains()
    with pytest.raises((UnsupportedConfiguration, InvalidDocument)):
        connection.define(text.replace(mine, f'type="{other}"', 1))
    assert connection.list_domains() == before


@needs("domain.define", "domain.list")
def test_a_model_object_that_says_nonsense_is_refused(bench: Bench, connection: Connection) -> None:
    before = connection.list_domains()
    config = bench.read(bench.document())
    config.name = "a/b"
    with pytest.raises(InvalidDocument):
        connection.define(config)
    assert connection.list_domains() == before


@needs("domain.define", "domain.list")
@pytest.mark.parametrize("wrong", [42, None, ["<domain/>"]], ids=repr)
def test_what_is_no_document_at_all_is_refused(connection: Connection, wrong: Any) -> None:
    before = connection.list_domains()
    with pytest.raises(PolyvisorError) as refusal:
        connection.define(wrong)
    assert refusal.value.code != ""
    assert connection.list_domains() == before
