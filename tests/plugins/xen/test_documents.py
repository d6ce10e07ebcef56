"""Arguments that a domain document passes through: ``xen:commandline``."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.documents.owners import Owners
from polyvisor.errors import InvalidDocument

pytest.importorskip("polyvisor_xen", reason="polyvisor-xen is not installed")

DOMAIN = """<domain xmlns:xen='http://libvirt.org/schemas/domain/xen/1.0' type='xen'>
  <name>guest</name>
  <os>
    <type>hvm</type>
  </os>
  <xen:commandline>
    <xen:arg value='-foo'/>
    <xen:arg value='a b'/>
  </xen:commandline>
</domain>
"""


def test_arguments_are_kept_in_order_and_as_they_are():
    domain = model.parse("domain", DOMAIN, contributions=Owners())
    (commandline,) = domain.extensions
    assert [argument.value for argument in commandline.arguments] == ["-foo", "a b"]
    assert model.parse("domain", model.format(domain), contributions=Owners()) == domain


def test_there_is_one_command_line():
    twice = DOMAIN.replace("</domain>", "<xen:commandline/></domain>")
    with pytest.raises(InvalidDocument) as caught:
        model.parse("domain", twice, contributions=Owners())
    assert "duplicate <xen:commandline>" in str(caught.value)
