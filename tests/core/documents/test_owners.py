"""What installed packages bring to documents: found by entry point, loaded when needed, told when it is missing."""

from __future__ import annotations

import sys
import textwrap

import pytest

from polyvisor import model
from polyvisor.documents import Element, Word, diagnose, element, jsonschema, read, relaxng, xsd
from polyvisor.documents.contributions import Unavailable
from polyvisor.documents.owners import GROUP, Owners
from polyvisor.documents.plain import from_plain, to_plain
from polyvisor.entrypoints import EntryPoint
from polyvisor.errors import InvalidDocument
from polyvisor.model.domaintype import DOMAIN_TYPE, DomainType

MODULE = """
from polyvisor.documents import Element, attribute, element
from polyvisor.documents import datatypes as dt
from polyvisor.model.domaintype import DOMAIN_TYPE

@element("tuning", namespace="urn:{name}", prefix="{name}", extends="domain")
class Tuning(Element):
    speed: int = attribute(dt.UINT, required=True)

CLASSES = (Tuning, DOMAIN_TYPE.word("{name}"))
"""
PLAIN = "<domain type='kvm'><name>d</name><os><type>hvm</type></os>{}</domain>"
TUNED = PLAIN.format("<a:tuning xmlns:a='urn:acme' speed='3'/>")
ACME = PLAIN.format("").replace("kvm", "acme")


@pytest.fixture
def owners(tmp_path, monkeypatch):
    """Makes Owners of packages, each a module with some source."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def make(sources, **options):
        points = []
        for name, source in sources.items():
            (tmp_path / f"owned_by_{name}.py").write_text(textwrap.dedent(source))
            made.append(f"owned_by_{name}")
            points.append(EntryPoint(name, f"owned_by_{name}:CLASSES", f"polyvisor-{name}", "1.0"))
        return Owners(find=lambda group: points if group == GROUP else [], **options)

    yield make
    for name in made:
        sys.modules.pop(name, None)


def test_an_owner_brings_elements_to_documents(owners):
    domain = model.parse("domain", TUNED, contributions=owners({"acme": MODULE.format(name="acme")}))
    assert [extra.speed for extra in domain.extensions] == [3]


def test_nothing_is_imported_for_a_document_that_needs_nothing(owners):
    bomb = owners({"acme": "raise SystemError('imported')"})
    model.parse("domain", PLAIN.format(""), contributions=bomb)
    with pytest.raises(InvalidDocument) as caught:
        model.parse("domain", PLAIN.format("<nmae/>"), contributions=bomb)
    assert "SystemError" not in str(caught.value)
    assert "owned_by_acme" not in sys.modules


def test_a_broken_owner_stops_no_other_and_is_told_of_where_it_is_missed(owners, caplog):
    both = owners({"acme": "import nothing_of_that_name", "zeta": MODULE.format(name="zeta")})
    zeta = TUNED.replace("urn:acme", "urn:zeta")
    assert model.parse("domain", zeta, contributions=both).extensions != []
    assert "documents of acme: polyvisor-acme 1.0 cannot be used: ModuleNotFoundError" in caplog.text
    with pytest.raises(InvalidDocument) as caught:
        model.parse("domain", TUNED, contributions=both)
    assert "'urn:acme' of <tuning> belongs to no installed driver; polyvisor-acme cannot be used" in str(caught.value)


def test_a_blocked_owner_is_not_imported(owners):
    blocked = owners({"acme": "raise SystemError('imported')"}, block=["polyvisor-acme"])
    assert list(blocked) == [Unavailable("polyvisor-acme", "is blocked by configuration")]
    by_name = owners({"acme": "raise SystemError('imported')"}, block=["acme"])
    assert list(by_name) == list(blocked)


def test_the_package_that_would_bring_a_known_namespace_is_named(owners):
    xen = PLAIN.format("<x:commandline xmlns:x='http://libvirt.org/schemas/domain/xen/1.0'/>")
    (fault,) = diagnose(xen, model.root("domain"))
    assert str(fault).endswith("belongs to no installed driver; pip install polyvisor-xen brings it")
    (fault,) = diagnose(xen, model.root("domain"), contributions=owners({"xen": ""}, block=["xen"]))
    assert str(fault).endswith("belongs to polyvisor-xen, which is blocked by configuration")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("CLASSES = 3", "not iterable"),
        ("CLASSES = (3,)", "neither an Element class nor a Word"),
        (MODULE.format(name="acme").replace(', extends="domain"', ""), "needs extends='TAG'"),
    ],
)
def test_what_is_no_contribution_is_refused_by_name(owners, source, said):
    (unavailable,) = owners({"acme": source})
    assert isinstance(unavailable, Unavailable)
    assert said in unavailable.reason


def test_two_owners_cannot_bring_the_same_element(owners):
    first, second = MODULE.format(name="acme"), MODULE.format(name="acme").replace("UINT", "STRING")
    *brought, refused = owners({"acme": first, "zeta": second})
    assert len(brought) == 2
    assert "<tuning> in <domain> is owned_by_acme.Tuning already" in refused.reason


def test_a_contributed_class_says_what_it_extends():
    @element("orphan", namespace="urn:acme", prefix="acme")
    class Orphan(Element):
        pass

    with pytest.raises(TypeError, match="Orphan is contributed"):
        read(TUNED, model.root("domain"), contributions=[Orphan])


# -- words ----------------------------------------------------------------------------------------------------------

WORDS = (Word("domain type", "acme"),)


def test_a_domain_of_a_strangers_type_is_read_where_its_word_is_known():
    assert DOMAIN_TYPE.word("acme") == WORDS[0]
    domain = model.parse("domain", ACME, contributions=WORDS)
    assert domain.type == "acme"
    assert model.parse("domain", model.format(domain), contributions=WORDS) == domain
    assert model.parse("domain", PLAIN.format(""), contributions=WORDS).type is DomainType.KVM
    assert from_plain(to_plain(domain), *model.roots("domain"), contributions=WORDS) == domain


def test_it_is_refused_everywhere_else():
    with pytest.raises(InvalidDocument, match="attribute 'type' cannot be 'acme'"):
        model.parse("domain", ACME)


@pytest.mark.parametrize(("written", "meant"), [("kwm", "kvm"), ("acem", "acme")])
def test_a_typo_is_told_with_the_nearest_word_of_all(written, meant):
    faults = diagnose(ACME.replace("acme", written), model.root("domain"), contributions=WORDS)
    assert [fault.nearest for fault in faults] == [meant]


def test_the_word_counts_in_every_document_that_has_the_list():
    snapshot = f"<domainsnapshot><name>s</name>{ACME.replace('<os>', '<memory>1</memory><os>')}</domainsnapshot>"
    recorded = model.parse("domainsnapshot", snapshot, contributions=WORDS)
    assert recorded.domain.type == "acme"
    with pytest.raises(InvalidDocument, match="cannot be 'acme'"):
        model.parse("domainsnapshot", snapshot)
    guest = "<guest><os_type>hvm</os_type><arch name='i686'><wordsize>32</wordsize><domain type='acme'/></arch></guest>"
    host = "<host><cpu><arch>i686</arch></cpu></host>"
    xml = f"<capabilities>{host}{guest}</capabilities>"
    assert model.parse("capability", xml, contributions=WORDS).guests[0].arch.domains[0].type == "acme"
    with pytest.raises(InvalidDocument):
        model.parse("capability", xml)


@pytest.mark.parametrize("emit", [relaxng, xsd, lambda root, also=(): str(jsonschema.emit(root, also)).encode()])
def test_schemas_have_it_when_it_is_contributed(emit):
    root = model.root("domain")
    assert b"acme" not in emit(root)
    assert b"acme" in emit(root, WORDS)


def test_only_an_open_list_takes_words():
    from polyvisor.documents import datatypes as dt

    with pytest.raises(TypeError, match="not open"):
        dt.BOOL.word("maybe")
    with pytest.raises(TypeError, match="is not a name"):
        DOMAIN_TYPE.word("a b")
