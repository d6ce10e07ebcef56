"""Documents written to hurt: each is refused, with a message, quickly, and without looking outside the text."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from catalogue import FULL, Catalogue
from lxml import etree

from polyvisor import documents
from polyvisor.documents.parsing import MAX_SIZE
from polyvisor.errors import InvalidDocument

BOMB = (
    "<!DOCTYPE b [<!ENTITY a 'lol'>"
    + "".join(
        f"<!ENTITY a{n} '{'&a' + str(n - 1 if n > 1 else '') + ';'}{'&a' + str(n - 1 if n > 1 else '') + ';'}'>"
        for n in range(1, 60)
    )
    + "]><catalogue><name>&a59;</name></catalogue>"
)


def refused(xml: str | bytes) -> str:
    with pytest.raises(InvalidDocument) as caught:
        documents.read(xml, Catalogue)
    assert caught.value.faults
    return str(caught.value)


@pytest.mark.parametrize(
    "xml",
    [
        BOMB,
        '<!DOCTYPE c SYSTEM "http://127.0.0.1:9/c.dtd"><catalogue/>',
        '<!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/hostname">]><catalogue><name>&x;</name></catalogue>',
        '<!DOCTYPE c [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]><catalogue/>',
        "<?xml version='1.0'?>\n<!-- a comment\n --><?pi?>\n<!DOCTYPE catalogue><catalogue/>",
        "\ufeff<!DOCTYPE catalogue><catalogue/>",
    ],
)
def test_a_document_type_declaration_is_refused_by_name(xml: str) -> None:
    assert "<!DOCTYPE" in refused(xml)
    assert "<!DOCTYPE" in refused(xml.encode("utf-8"))
    assert "<!DOCTYPE" in refused(xml.removeprefix("\ufeff").encode("utf-16"))


def test_the_line_of_a_document_type_declaration_is_told() -> None:
    assert "line 3" in refused("<!--\n-->\n<!DOCTYPE x><catalogue/>")


def test_an_undeclared_entity_is_refused() -> None:
    assert "line 1" in refused("<catalogue><name>&secret;</name></catalogue>")


def test_an_entity_in_a_tree_that_somebody_else_parsed_is_refused() -> None:
    parser = etree.XMLParser(resolve_entities=False)
    tree = etree.fromstring("<!DOCTYPE c [<!ENTITY e 'x'>]><catalogue><name>&e;</name></catalogue>", parser)
    with pytest.raises(InvalidDocument, match="entity reference"):
        documents.read(tree, Catalogue)


def test_files_are_not_included(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("<name>secret</name>")
    xml = f"<catalogue><i:include xmlns:i='http://www.w3.org/2001/XInclude' href='{tmp_path}/secret'/></catalogue>"
    assert "belongs to no installed driver" in refused(xml)


@pytest.mark.parametrize("depth", [129, 1_000, 1_500_000])
def test_depth_is_bounded(depth: int) -> None:
    assert "nest more than 128 deep" in refused("<a><b>" * (depth // 2) + "<c/>" + "</b></a>" * (depth // 2))


def test_unclosed_depth_is_bounded() -> None:
    assert "deep" in refused("<item>" * 1_600_000)


def test_128_levels_of_metadata_are_fine_and_129_are_not() -> None:
    def nested(levels: int) -> str:
        inside = "<m xmlns='urn:m'>" * (levels - 2) + "</m>" * (levels - 2)
        return FULL.replace("<metadata>", f"<metadata>{inside}")

    documents.check(nested(128), Catalogue)
    assert "128 deep" in refused(nested(129))


def test_size_is_bounded() -> None:
    assert "bytes" in refused(FULL + " " * MAX_SIZE)


@pytest.mark.parametrize("what", ["<name>{}</name>", "<name a='{}'/>", "<{}/>", "<name {}='1'/>"])
def test_a_huge_text_attribute_or_name_is_refused(what: str) -> None:
    message = refused(f"<catalogue>{what.format('x' * 12_000_000)}</catalogue>")
    assert len(message) < 2_000


@pytest.mark.parametrize("what", ["<nonsense/>", "<name>x</name>", "<x:y xmlns:x='urn:x'/>"])
def test_tens_of_thousands_of_faults_are_cut_short(what: str) -> None:
    faults = documents.diagnose("<catalogue><name>x</name>" + what * 50_000 + "</catalogue>", Catalogue)
    assert len(faults) == 100


def test_elements_and_attributes_are_bounded_in_number() -> None:
    assert "more than 100000 elements" in refused(f"<catalogue>{'<item/>' * 100_001}</catalogue>")
    attributes = " ".join(f"a{number}='1'" for number in range(50_000))
    message = refused(FULL.replace("<metadata>", f"<metadata><m xmlns='urn:m' {attributes}/>"))
    assert "more than 100 attributes" in message


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<catalogue>\n<name>a\0b</name></catalogue>", "line 2: a NUL byte"),
        (b"<catalogue>\n<name>\xff</name></catalogue>", "line 2"),
        (b"<?xml version='1.0' encoding='utf-8'?>\n<catalogue>\xe9</catalogue>", "line 2: byte 0xe9 is not utf-8"),
        (b"<?xml version='1.0' encoding='UTF-7'?><catalogue/>", "encoding UTF-7"),
        (b"<?xml version='1.0' encoding='nonsense'?><catalogue/>", "encoding nonsense"),
        (b"<?xml version='1.0' encoding='utf-16'?><catalogue/>", "encoding utf-16"),
        ("<catalogue/>".encode("utf-16-le"), "NUL"),
        ("<catalogue/>".encode("utf-32"), "not"),
        (b"", "not well-formed"),
        (b"   \n", "not well-formed"),
        (b"not XML at all", "not well-formed"),
        (b"<catalogue>\n<name></catalogue>", "line 2: not well-formed"),
        (b"<catalogue/><catalogue/>", "not well-formed"),
        (b"<catalogue a='1' a='2'/>", "not well-formed"),
        (b"<catalogue><x:y/></catalogue>", "not well-formed"),
        (b"<catalogue>&#0;</catalogue>", "not well-formed"),
        (b"\x4c\x6f\xa7\x94", "not well-formed"),
    ],
)
def test_what_is_not_xml_is_refused_with_its_line(data: bytes, said: str) -> None:
    assert said in refused(data)


def test_a_lone_surrogate_is_no_character() -> None:
    assert "is no character" in refused("<catalogue>\ud800</catalogue>")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_plain_encodings_are_read(encoding: str) -> None:
    declared = "" if encoding.startswith("utf") else f"<?xml version='1.0' encoding='{encoding}'?>\n"
    xml = declared + "<catalogue><name>n</name><item><title>Évasion</title></item></catalogue>"
    assert documents.read(xml.encode(encoding), Catalogue).items[0].title == "Évasion"


def test_a_declared_encoding_of_a_text_that_is_already_decoded_does_not_matter() -> None:
    xml = "<?xml version='1.0' encoding='utf-16'?><catalogue><name>n</name><item><title>É</title></item></catalogue>"
    assert documents.read(xml, Catalogue).items[0].title == "É"


def test_comments_and_instructions_do_not_split_a_text() -> None:
    xml = "<catalogue><?pi x?><name>ma<!-- no -->in<?pi?></name><item><title><![CDATA[<t>]]></title></item></catalogue>"
    read = documents.read(xml, Catalogue)
    assert (read.name, read.items[0].title) == ("main", "<t>")


def test_many_threads_may_read_at_once() -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                assert documents.write(documents.read(FULL, Catalogue)) == FULL
                assert documents.diagnose(FULL.replace("kind=", "knd="), Catalogue)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
