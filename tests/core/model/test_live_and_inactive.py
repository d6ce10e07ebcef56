"""What belongs to the running guest is not in its configuration, and secrets are only where they are asked for."""

from __future__ import annotations

from lxml import etree

from polyvisor import model


def test_the_configuration_leaves_out_what_only_a_running_guest_has(server):
    parsed = model.parse("domain", server)
    live = etree.fromstring(model.format(parsed, live=True, secure=True))
    saved = etree.fromstring(model.format(parsed, live=False, secure=True))
    assert live.get("id") == "7"
    assert saved.get("id") is None
    gone = ("devices/console/@tty", "devices/disk/source/@index", "seclabel/label", "seclabel/imagelabel")
    for path in gone:
        assert live.xpath(path), path
        assert not saved.xpath(path), path


def test_the_configuration_keeps_the_names_a_user_chose(server):
    saved = etree.fromstring(model.format(model.parse("domain", server), live=False))
    assert saved.xpath("devices/*/alias/@name") == ["ua-front"]


def test_the_configuration_is_a_valid_document(sample):
    saved = model.format(model.parse("domain", sample), live=False)
    assert model.parse("domain", saved)


def test_the_configuration_within_a_live_document(sample):
    parsed = model.parse("domain", sample)
    saved = parsed.as_inactive()
    assert model.format(saved, secure=True) == model.format(parsed, live=False, secure=True)
    assert saved.as_inactive() == saved


def test_passwords_are_written_only_when_asked_for(server):
    parsed = model.parse("domain", server)
    assert "hunter2" not in model.format(parsed)
    assert "hunter2" in model.format(parsed, secure=True)
    assert "hunter2" not in repr(parsed)


CHOSEN_AT_START = """<domain type='kvm'><name>d</name><memory>1</memory><os><type>hvm</type></os><devices>
<graphics type='vnc' port='5903' autoport='yes'/>
<graphics type='spice' port='5904' tlsPort='5905' autoport='yes'/>
<graphics type='vnc' port='5950' autoport='no'/>
<vsock><cid auto='yes' address='7'/></vsock>
</devices></domain>"""


def test_ports_and_addresses_that_were_chosen_at_the_start_are_not_saved():
    parsed = model.parse("domain", CHOSEN_AT_START)
    saved = parsed.as_inactive().devices
    vnc, spice, fixed = saved.graphics
    assert (vnc.port, spice.port, spice.tls_port, fixed.port) == (-1, None, None, 5950)
    assert (saved.vsock.cid.auto, saved.vsock.cid.address) == (True, None)
    assert parsed.devices.graphics[0].port == 5903
    written = model.format(parsed, live=False)
    assert written == model.format(parsed.as_inactive())
    assert "<graphics type='spice' autoport='yes'/>" in written


def test_an_address_that_a_user_chose_is_saved():
    parsed = model.parse("domain", CHOSEN_AT_START.replace("auto='yes' address", "auto='no' address"))
    assert parsed.as_inactive().devices.vsock.cid.address == 7
