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
