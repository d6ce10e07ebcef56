"""Interfaces on virtual networks, without a container: which bridges and cards they come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import polyvisor
from polyvisor import model
from polyvisor.errors import UnsupportedConfiguration
from polyvisor_lxc import networks
from polyvisor_lxc.model import CLASSES

DOCUMENT = """<domain type='lxc'><name>box</name><memory unit='MiB'>64</memory>
  <os><type>exe</type><init>/sbin/init</init></os>
  <devices><filesystem><source dir='/srv/box'/><target dir='/'/></filesystem>{}</devices></domain>"""
ON_LAN = "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='lan'/>{}</interface>"
BRIDGED = "<network><name>lan</name><forward mode='bridge'/><bridge name='br7'/><vlan><tag id='9'/></vlan></network>"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[polyvisor.Connection]:
    with polyvisor.open(f"lxc:///embed?root={tmp_path}") as opened:
        yield opened


@pytest.fixture
def network(tmp_path: Path) -> Callable[[str], None]:
    def keep(text: str) -> None:
        directory = tmp_path / "lxc/config/networks"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "lan.xml").write_text(text)

    return keep


def test_a_file_that_is_kept_names_the_bridge_of_the_network(connection, network) -> None:
    network(BRIDGED)
    written = connection.to_native("lxc-tools", DOCUMENT.format(ON_LAN.format("")))
    assert {"lxc.net.0.type = veth", "lxc.net.0.link = br7", "lxc.net.0.veth.vlan.id = 9"} <= set(written.splitlines())


def test_a_file_of_a_container_on_an_unknown_network_is_not_written(connection) -> None:
    with pytest.raises(UnsupportedConfiguration, match="there is no network 'lan'"):
        connection.to_native("lxc-tools", DOCUMENT.format(ON_LAN.format("")))


def test_a_container_is_defined_before_its_network_is(connection) -> None:
    domain = connection.define(DOCUMENT.format(ON_LAN.format("")))
    assert "<source network='lan'/>" in domain.xml()


def test_the_interfaces_of_one_container_take_different_cards(connection, network) -> None:
    network(
        "<network><name>lan</name><forward mode='vepa'><interface dev='pvnone1'/><interface dev='pvnone2'/></forward>"
        "</network>"
    )
    config = model.parse("domain", DOCUMENT.format(ON_LAN.format("") * 2), contributions=CLASSES)
    session = connection._invoker.session
    found = networks.attached(session, config)
    assert [one.source.dev for one in found.devices.interfaces] == ["pvnone1", "pvnone2"]
    assert [one.type for one in config.devices.interfaces] == ["network", "network"], "the stored one stays as it was"
