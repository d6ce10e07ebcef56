"""Documents as JSON and YAML: nothing is lost, faults are told by place, the JSON Schema knows what is written."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path

import pytest

from polyvisor import model
from polyvisor.documents import attribute, children, datatypes, element, jsonschema, value
from polyvisor.documents.binding import bind
from polyvisor.documents.classes import Element
from polyvisor.documents.naming import keys_of, mixed, plain, text_of
from polyvisor.documents.notations import READERS, WRITERS
from polyvisor.documents.plain import from_plain, to_plain
from polyvisor.errors import InvalidDocument

HERE = Path(__file__).parent
SAMPLES = sorted(HERE.glob("**/samples/*.xml"))


@pytest.fixture(params=SAMPLES, ids=lambda path: path.stem)
def sample(request):
    """A document and its kind."""
    path = request.param
    kind = "domain" if path.parent.parent == HERE else path.stem.partition("-")[0]
    return kind, model.parse(kind, path.read_bytes())


@pytest.mark.parametrize("notation", ["json", "yaml"])
def test_nothing_is_lost_on_the_way_there_and_back(sample, notation):
    kind, document = sample
    if notation == "yaml":
        pytest.importorskip("yaml")
    data, lines = READERS[notation](WRITERS[notation](to_plain(document, secure=True)))
    back = from_plain(data, *model.roots(kind), lines=lines)
    assert back == document
    assert model.format(back, secure=True) == model.format(document, secure=True)


def test_the_samples_are_as_their_json_schema_says(sample):
    kind, document = sample
    errors = [f"{error.json_path}: {error.message}" for error in validator(kind).iter_errors(to_plain(document))]
    assert errors == []


@cache
def validator(kind):
    """The judge of a kind's plain data, somebody else's."""
    judge = pytest.importorskip("jsonschema")
    root, *others = model.roots(kind)
    schema = json.loads(json.dumps(jsonschema.emit(root, (), *others)))
    judge.Draft202012Validator.check_schema(schema)
    return judge.Draft202012Validator(schema)


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("domain", "type"), "kwm"),
        (("domain", "naem"), "web"),
        (("domain", "vcpu"), -1),
        (("domain", "devices", "disk"), {"type": "file"}),
        (("domain", "devices", "disk", 0, "readonly"), "yes"),
        (("domain", "devices", "disk", 0, "source"), {"dev": "/dev/sda"}),
        (("domain", "metadata"), "<a/>"),
        (("domain", "name"), None),
    ],
)
def test_schema_and_gate_refuse_the_same_and_the_gate_says_where(place, wrong):
    data = {
        "domain": {
            "type": "kvm",
            "name": "web",
            "memory": 1024,
            "os": {"type": "hvm"},
            "devices": {"disk": [{"type": "file", "source": {"file": "/a"}, "target": {"dev": "vda"}}]},
        }
    }
    assert list(validator("domain").iter_errors(data)) == []
    assert from_plain(data, *model.roots("domain")).devices.disks[0].source.file == "/a"
    broken = copy.deepcopy(data)
    at = broken
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = wrong
    assert list(validator("domain").iter_errors(broken)) != []
    faults = faults_of(broken)
    path = "$." + ".".join(map(str, place)).replace(".0", "[0]")
    assert [fault.path for fault in faults if fault.path.startswith(path)]


def test_what_is_required_beside_certain_attributes_only_is_not_required_without_them():
    def backup(**disk):
        return {"domainbackup": {"mode": "pull", "disks": {"disk": [{"name": "vda", **disk}]}}}

    judge = validator("domainbackup")
    assert list(judge.iter_errors(backup(backup=False))) == []
    assert list(judge.iter_errors(backup(type="file", scratch={"file": "/a"}))) == []
    assert list(judge.iter_errors(backup(type="file"))) != []
    assert list(judge.iter_errors(backup(type="file", scratch={"dev": "/dev/a"}))) != []


def faults_of(data, kind="domain"):
    with pytest.raises(InvalidDocument) as caught:
        from_plain(data, *model.roots(kind))
    return caught.value.faults


def test_every_wrong_key_and_value_is_told_once_where_it_is():
    data = {
        "domain": {
            "type": "kvm",
            "nmae": "web",
            "on_reboot": None,
            "memory": {"unit": "KiB", "txt": 1},
            "os": {"type": ["hvm"]},
            "devices": {"disk": [True], "interface": {"type": "user"}},
        }
    }
    assert {fault.path: fault.nearest or fault.message.partition(";")[0] for fault in faults_of(data)} == {
        "$.domain.nmae": "name",
        "$.domain.on_reboot": "null cannot stand here",
        "$.domain.memory.txt": "text",
        "$.domain.os.type": "a list cannot stand here",
        "$.domain.devices.disk[0]": "true cannot stand here",
        "$.domain.devices.interface": "an object cannot stand here",
    }


@pytest.mark.parametrize("data", [None, [], {}, "domain", {"domain": {}, "network": {}}])
def test_a_document_is_an_object_with_one_key(data):
    (fault,) = faults_of(data)
    assert "one key" in fault.message


def test_another_document_than_was_expected_is_refused():
    (fault,) = faults_of({"domian": {}})
    assert fault.nearest == "domain"


def test_control_characters_are_refused_where_they_stand():
    assert (
        faults_of({"secret": {"usage": {"type": "ceph", "name": "a\x00b"}}}, "secret")[0].path == "$.secret.usage.name"
    )


# -- XML of others ------------------------------------------------------------------------------------------------


def described(*metadata):
    data = {"domain": {"type": "kvm", "name": "web", "memory": 1, "os": {"type": "hvm"}, "metadata": list(metadata)}}
    return data


def test_metadata_stays_xml():
    own = "<a:owner xmlns:a='urn:a' since='2020'>me &amp; <a:you/></a:owner>"
    document = from_plain(described(own), *model.roots("domain"))
    (kept,) = to_plain(document)["domain"]["metadata"]
    assert kept == document.metadata.get("urn:a")
    assert from_plain(described(kept), *model.roots("domain")) == document


@pytest.mark.parametrize(
    "xml",
    ["</metadata><name>evil</name><metadata>", "<a/><b/>", "text", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", 1, None],
)
def test_metadata_that_is_no_element_is_refused(xml):
    assert faults_of(described("<ok/>", xml))[0].path == "$.domain.metadata[1]"


# -- parts of drivers ---------------------------------------------------------------------------------------------


@element("extra", namespace="urn:acme", prefix="acme", extends="domain")
class Extra(Element):
    """What a driver adds."""

    level: int | None = attribute(datatypes.UINT8)
    words: str | None = value(datatypes.STRING)


def test_what_a_driver_contributes_goes_by_its_prefix():
    data = described()
    data["domain"]["acme:extra"] = {"level": 3, "acme:words": "of mine"}
    document = from_plain(data, *model.roots("domain"), contributions=[Extra])
    assert document.extensions == [Extra(level=3, words="of mine")]
    assert to_plain(document)["domain"]["acme:extra"] == data["domain"]["acme:extra"]
    assert faults_of(data)[0].path == "$.domain['acme:extra']"
    (known,) = (
        schema["properties"]["acme:extra"]
        for schema in jsonschema.emit(model.root("domain"), [Extra])["$defs"].values()
        if "acme:extra" in schema.get("properties", {})
    )
    assert known == {"$ref": "#/$defs/Extra"}


# -- hostile data ---------------------------------------------------------------------------------------------------


def test_data_that_contains_itself_is_refused():
    chain = {"type": "file"}
    chain["backingStore"] = chain
    data = described()
    data["domain"]["devices"] = {"disk": [{"type": "file", "target": {"dev": "vda"}, "backingStore": chain}]}
    assert any("deep" in fault.message for fault in faults_of(data))


def test_data_that_stands_for_more_than_a_document_may_have_is_refused():
    data = described()
    data["domain"]["devices"] = {"disk": [{"target": {"dev": "vda"}}] * 200_000}
    assert "more than" in faults_of(data)[-1].message
    data = described()
    data["domain"]["qos"] = [0] * 100_000
    data["domain"]["devices"] = {"disk": [{"driver": {"name": "x" * 1_000_000}}] * 100}
    assert "more than" in faults_of(data)[-1].message


def test_thousands_of_faults_are_not_all_told():
    data = described()
    data["domain"] |= {f"wrong{number}": 1 for number in range(10_000)}
    assert len(faults_of(data)) < 100


ODD = [
    None,
    True,
    -1,
    10**30,
    float("inf"),
    "",
    "\x00",
    "\ud800",
    [],
    {},
    [None],
    {"": 1},
    {1: 2},
    b"x",
    object(),
    ["<a"],
]
"""What may stand anywhere in data that somebody made up."""


def places(data, place=()):
    """Every place in plain data."""
    yield place
    for key, each in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(each, (*place, key))


@pytest.mark.parametrize(
    "path", ["samples/minimal.xml", "kinds/samples/cpu-guest.xml", "networks/samples/secret-tls.xml"]
)
def test_whatever_stands_wherever_is_read_or_refused(path):
    kind = "domain" if path.startswith("samples") else Path(path).stem.partition("-")[0]
    data = to_plain(model.parse(kind, (HERE / path).read_bytes()))
    refused = 0
    for *before, last in list(places(data))[1:]:
        for odd in ODD:
            broken = copy.deepcopy(data)
            at = broken
            for step in before:
                at = at[step]
            at[last] = odd
            try:
                from_plain(broken, *model.roots(kind))
            except InvalidDocument as error:
                refused += len(error.faults) > 0
    assert refused > len(ODD)


# -- keys and scalars -------------------------------------------------------------------------------------------------


def classes():
    """Every class of every document."""
    found: set[type[Element]] = set()
    waiting = [cls for kind in (*model.kinds(), *model.FAMILIES) for cls in model.roots(kind)]
    while waiting:
        cls = waiting.pop()
        if cls in found:
            continue
        found.add(cls)
        for bound in cls.fields():
            for targets in (bound.targets, *bound.cases.values()):
                waiting += [one for target in targets for one in target.classes]
    return found


def test_every_field_of_every_class_has_a_key_of_its_own():
    for cls in classes():
        keys = keys_of(bind(cls))
        stands = [bound for bound in cls.fields() if bound.kind != "extensions"]
        wanted = sum(1 if mixed(bound) else max(1, len(bound.tags)) for bound in stands)
        assert len(keys.places) == wanted, cls


def test_an_attribute_that_shares_its_name_with_a_child_has_an_at_sign_and_may_always_have_one():
    @element("thing")
    class Thing(Element):
        type: str | None = attribute(datatypes.STRING)
        kind: str | None = value(datatypes.STRING, tag="type")

    data = {"thing": {"@type": "a", "type": "b"}}
    assert from_plain(data, Thing) == Thing(type="a", kind="b")
    assert to_plain(Thing(type="a", kind="b")) == data
    assert from_plain({"b": {"@n": 1}}, B) == B(n=1)
    assert faults_of_class({"b": {"@n": 1, "n": 2}}, B) == ["$.b.n"]


@element("b")
class B(Element):
    n: int | None = attribute(datatypes.UINT8)


@element("c")
class C(Element):
    """Nothing in it."""


@element("a")
class A(Element):
    entries: list[B | C] = children()


def test_a_list_of_several_tags_keeps_its_order():
    document = A(entries=[B(n=1), C(), B(n=2)])
    data = to_plain(document)
    assert data == {"a": {"entries": [{"b": {"n": 1}}, {"c": {}}, {"b": {"n": 2}}]}}
    assert from_plain(data, A) == document
    assert faults_of_class({"a": {"entries": [{"b": {}, "c": {}}]}}, A) == ["$.a.entries[0]"]


def faults_of_class(data, cls):
    with pytest.raises(InvalidDocument) as caught:
        from_plain(data, cls)
    return [fault.path for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("datatype", "text", "data"),
    [
        (datatypes.BOOL, "yes", True),
        (datatypes.ONOFF, "off", False),
        (datatypes.UINT8, "7", 7),
        (datatypes.UINT8, " 7", " 7"),
        (datatypes.UINT64, str(2**64 - 1), 2**64 - 1),
        (datatypes.STRING, "7", "7"),
        (datatypes.HEX8, "0x07", "0x07"),
        (datatypes.choice("three", "yes", "no", "auto"), "yes", "yes"),
        (datatypes.either(datatypes.choice("auto", "auto"), datatypes.UINT8), "8", 8),
        (datatypes.DECIMAL, "1.5", "1.5"),
    ],
)
def test_scalars(datatype, text, data):
    assert plain(datatype, text) == data
    assert type(plain(datatype, text)) is type(data)
    assert text_of(datatype, data) == text


@pytest.mark.parametrize(
    ("datatype", "data", "text"),
    [
        (datatypes.choice("three", "yes", "no", "auto"), False, "no"),
        (datatypes.STRING, True, "true"),
        (datatypes.STRING, 7, "7"),
        (datatypes.DECIMAL, 1.5, "1.5"),
        (datatypes.DECIMAL, 1e-7, "0.0000001"),
        (datatypes.UINT8, "7", "7"),
    ],
)
def test_scalars_are_read_kindly(datatype, data, text):
    assert text_of(datatype, data) == text


def test_patterns_mean_the_same_without_what_strict_engines_refuse():
    assert jsonschema.portable(r"[a\-z]\-\.[\]\-]\-") == r"[a\-z]-\.[\]\-]-"


def test_secrets_are_written_when_asked_for_only():
    data = described()
    data["domain"]["devices"] = {"graphics": [{"type": "vnc", "passwd": "hush"}]}
    document = from_plain(data, *model.roots("domain"))
    assert "hush" in str(to_plain(document, secure=True))
    assert "hush" not in str(to_plain(document))
