"""Documents of guests for tests: a pattern with another name, another UUID and what a test adds."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from lxml import etree

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection

_MINIMAL = """<domain type='{type}'>
  <name>pattern</name>
  <memory unit='KiB'>65536</memory>
  <vcpu>1</vcpu>
  <os><type{arch}>{os}</type></os>
  <devices/>
</domain>
"""


def fitted(pattern: str, name: str, uuid: str, *, extra: str = "", devices: str = "") -> str:
    """``pattern``, a domain document, as the document of another guest.

    ``extra`` are elements of ``<domain>``, each in the place of those of the same name; ``devices`` go among the
    devices."""
    domain = _parsed(pattern)
    for element in _fragment(f"<name/><uuid>{uuid}</uuid>{extra}"):
        for old in domain.findall(element.tag):
            domain.remove(old)
        domain.append(element)
    domain.find("name").text = name
    where = domain.find("devices")
    if where is None:
        where = etree.SubElement(domain, "devices")
    where.extend(_fragment(devices))
    return str(etree.tostring(domain, encoding="unicode"))


def without(text: str, tags: Collection[str]) -> str:
    """A document without the elements of these names (``{namespace}tag``), wherever they are; with none, as it is."""
    if not tags:
        return text
    root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
    for each in list(root.iter(*tags)):
        parent = each.getparent()
        if parent is not None:
            parent.remove(each)
    return str(etree.tostring(root, encoding="unicode"))


def default_document(connection: Connection) -> str:
    """A small guest of the first kind that the hypervisor says it can run, of its own kind if it does not say."""
    if connection.supports("caps.host"):
        for guest in connection.capabilities().guests:
            for domain in guest.arch.domains:
                return _MINIMAL.format(type=domain.type, arch=f" arch='{guest.arch.name}'", os=guest.os_type)
    return _MINIMAL.format(type=connection.driver, arch="", os="hvm")


def _parsed(text: str) -> Any:
    return etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True))


def _fragment(text: str) -> list[Any]:
    return list(_parsed(f"<fragment>{text}</fragment>"))
