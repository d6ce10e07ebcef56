"""Arguments that a domain document passes through: ``bhyve:commandline``."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.documents.owners import Owners
from polyvisor.errors import InvalidDocument

pytest.importorskip("polyvisor_bhyve", reason="polyvisor-bhyve is not installed")

DOMAIN = """<domain xmlns:bhyve='http://libvirt.org/schemas/domain/bhyve/1.0' type='bhyve'>
  <name>guest</name>
  <os>
    <type>hvm</type>
  </os>
  <bhyve:commandline>
    <bhyve:arg value='-A'/>
    <bhyve:arg value='a b'/>
  </bhyve:commandline>
</domain>
"""


def test_arguments_are_kept_in_order_and_as_they_are():
    domain = model.parse("domain", DOMAIN, contributions=Owners())
    (commandline,) = domain.extensions
    assert [argument.value for argument in commandline.arguments] == ["-A", "a b"]
    assert model.parse("domain", model.format(domain), contributions=Owners()) == domain


def test_there_is_one_command_line():
    twice = DOMAIN.replace("</domain>", "<bhyve:commandline/></domain>")
    with pytest.raises(InvalidDocument) as caught:
        model.parse("domain", twice, contributions=Owners())
    assert "duplicate <bhyve:commandline>" in str(caught.value)
