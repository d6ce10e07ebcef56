"""How guests are confined on the host, and shielded from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import InvalidArgument, InvalidState, UnsupportedConfiguration
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

BASE64 = "Y29uZm9ybWFuY2U="


@needs("security.label")
def test_a_guest_has_one_label_for_each_model(running: Domain) -> None:
    found = running.security_labels()
    assert all(label.model and label.label for label in found)
    assert len({label.model for label in found}) == len(found)


@needs("security.label", "host.security-model")
def test_models_of_labels_are_in_force_on_the_host(connection: Connection, running: Domain) -> None:
    models = {model.model for model in connection.security_models()}
    assert {label.model for label in running.security_labels()} <= models


@needs("security.label")
def test_an_off_guest_has_no_label(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.security_labels()


@needs("security.label")
def test_a_label_that_the_document_gives_is_borne(bench: Bench, running: Domain) -> None:
    labels = running.security_labels()
    bench.require(labels, "no model is in force on this host")
    model = labels[0].model
    bench.require(model not in ("dac", "selinux", "apparmor"), "labels of this model have to exist on the host")
    text = f"<seclabel type='static' model='{model}' relabel='no'><label>conformance</label></seclabel>"
    guest = bench.start(bench.define(extra=text))
    assert "conformance" in [label.label for label in guest.security_labels()]


@needs("host.security-model", "caps.host")
def test_the_hosts_models_are_in_its_capabilities(connection: Connection) -> None:
    described = {model.model for model in connection.capabilities().host.security_models}
    assert {model.model for model in connection.security_models()} == described


@needs("launchsec.info")
def test_a_guest_that_is_not_shielded_has_nothing_to_prove(running: Domain) -> None:
    with pytest.raises(UnsupportedConfiguration):
        running.launch_security()


@needs("launchsec.info")
def test_an_off_guest_has_nothing_to_prove(defined: Domain) -> None:
    with pytest.raises((InvalidState, UnsupportedConfiguration)):
        defined.launch_security()


@needs("launchsec.state")
def test_a_guest_that_is_not_shielded_takes_no_secret(running: Domain) -> None:
    with pytest.raises((UnsupportedConfiguration, InvalidState)) as refusal:
        running.set_launch_security_secret(BASE64, BASE64)
    assert BASE64 not in str(refusal.value)


@needs("launchsec.state")
@pytest.mark.parametrize("secret", ["not base64!", ""])
def test_a_secret_is_base64(running: Domain, secret: str) -> None:
    with pytest.raises((InvalidArgument, UnsupportedConfiguration, InvalidState)):
        running.set_launch_security_secret(secret, BASE64)


@needs("host.sev-info")
def test_the_host_tells_what_shields_guests_or_that_it_cannot(connection: Connection) -> None:
    try:
        found = connection.sev_info()
    except UnsupportedConfiguration as refusal:
        assert refusal.message
    else:
        assert {"pdh", "cert-chain", "cbitpos", "reduced-phys-bits"} <= set(found)
