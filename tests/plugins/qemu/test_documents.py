"""What the driver adds to domain documents."""

from __future__ import annotations

import pytest

from polyvisor import model
from polyvisor.errors import InvalidDocument, UnsupportedConfiguration

qemu = pytest.importorskip("polyvisor_qemu.model", reason="polyvisor-qemu is not installed")

EXTENSIONS = """\
  <qemu:commandline>
    <qemu:arg value='-unknown'/>
    <qemu:env name='NS' value='ns'/>
    <qemu:env name='BAR'/>
  </qemu:commandline>
  <qemu:capabilities>
    <qemu:add capability='blockdev'/>
    <qemu:del capability='drive'/>
  </qemu:capabilities>
  <qemu:override>
    <qemu:device alias='ua-disk'>
      <qemu:frontend>
        <qemu:property name='size' type='unsigned' value='123'/>
        <qemu:property name='serial' type='remove'/>
      </qemu:frontend>
    </qemu:device>
  </qemu:override>
  <qemu:deprecation behavior='omit'/>
"""
HEAD = f"<domain xmlns:qemu='{qemu.NAMESPACE}' type='qemu'>\n  <name>d</name>\n  <os>\n    <type>hvm</type>\n  </os>\n"


def parse(extensions):
    return model.parse("domain", f"{HEAD}{extensions}</domain>", contributions=qemu.CLASSES)


def test_all_of_it_is_read_and_written_again():
    domain = parse(EXTENSIONS)
    commandline, capabilities, override, deprecation = domain.extensions
    assert [(variable.name, variable.value) for variable in commandline.variables] == [("NS", "ns"), ("BAR", None)]
    assert [removed.capability for removed in capabilities.removed] == ["drive"]
    assert [made.type for made in override.devices[0].frontend.properties] == ["unsigned", "remove"]
    assert deprecation.behavior is qemu.DeprecationBehavior.OMIT
    assert EXTENSIONS in model.format(domain)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("behavior='omit'", "behavior='omitt'", "did you mean 'omit'?"),
        ("type='remove'", "type='remove' value='1'", "'value' is not allowed with type='remove'"),
        ("type='unsigned' value='123'", "type='unsigned'", "attribute 'value' is missing"),
        ("alias='ua-disk'", "", "attribute 'alias' is missing"),
        ("<qemu:add capability", "<qemu:dad capability", "unknown element <qemu:dad>"),
    ],
)
def test_mistakes_are_told(right, wrong, said):
    with pytest.raises(InvalidDocument) as caught:
        parse(EXTENSIONS.replace(right, wrong))
    assert said in str(caught.value)


def test_what_the_driver_cannot_do_yet_is_refused_by_name(connection):
    extensions = "<memory>1024</memory><qemu:deprecation behavior='omit'/>"
    with pytest.raises(UnsupportedConfiguration, match="<qemu:deprecation> is not supported"):
        connection.define(f"{HEAD}{extensions}</domain>")
