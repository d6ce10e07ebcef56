"""CPU models: which there are, what they have in common, and what a guest of a kind may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import InvalidArgument, PolyvisorError, UnsupportedConfiguration
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import parsed
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection

CONTRIVED = "<cpu><arch>{arch}</arch><model>{model}</model></cpu>"


def arch(connection: Connection) -> str:
    """Architecture of the host."""
    found = connection.capabilities().host.cpu
    assert found is not None and found.arch
    return str(found.arch)


def host_cpu(connection: Connection) -> str:
    """The host's ``<cpu>``, as text."""
    from polyvisor.documents import write

    cpu = connection.capabilities().host.cpu
    assert cpu is not None
    return write(cpu)


# -- models ---------------------------------------------------------------------------------------------------


@needs("cpu.model-names", "caps.host")
def test_models_have_names_of_their_own(connection: Connection) -> None:
    for guest in connection.capabilities().guests:
        found = connection.cpu_models(guest.arch.name)
        assert len(found) == len(set(found))
        assert all(found)


@needs("cpu.model-names")
@pytest.mark.parametrize("name", ["abacus", "", "x86_64 "])
def test_an_architecture_that_nobody_built(connection: Connection, name: str) -> None:
    with pytest.raises(InvalidArgument):
        connection.cpu_models(name)


# -- what guests may have -------------------------------------------------------------------------------------


@needs("caps.domain", "caps.host")
def test_each_kind_of_guest_is_described(connection: Connection) -> None:
    for guest in connection.capabilities().guests:
        for domain in guest.arch.domains:
            try:
                found = connection.domain_capabilities(arch=guest.arch.name, domain_type=domain.type)
            except UnsupportedConfiguration:
                continue  # a combination that capabilities list and this host cannot run
            assert (found.arch, found.domain) == (guest.arch.name, domain.type)


@needs("caps.domain")
def test_without_a_word_it_is_the_default(connection: Connection) -> None:
    found = connection.domain_capabilities()
    again = connection.domain_capabilities(arch=found.arch, domain_type=found.domain)
    assert (again.arch, again.domain) == (found.arch, found.domain)


@needs("caps.domain", "host.max-vcpus")
def test_one_limit_of_vcpus(connection: Connection) -> None:
    found: Any = connection.domain_capabilities()
    if found.vcpu is not None and found.vcpu.max is not None:
        assert found.vcpu.max > 0
        assert connection.max_vcpus(domain_type=found.domain) > 0


@needs("caps.domain")
def test_the_document_passes_its_gate(connection: Connection) -> None:
    from polyvisor.documents import write

    text = write(connection.domain_capabilities())
    assert parsed(connection, "domaincaps", text).tag == "domainCapabilities"


@needs("caps.domain")
@pytest.mark.parametrize(
    "asked", [{"arch": "abacus"}, {"domain_type": "steam"}, {"emulator": "/no/such/emulator"}, {"machine": "loom"}]
)
def test_what_no_host_runs_is_not_described(bench: Bench, connection: Connection, asked: dict[str, str]) -> None:
    bench.need(f"domain_capabilities({', '.join(asked)})")
    with pytest.raises((InvalidArgument, UnsupportedConfiguration)):
        connection.domain_capabilities(**asked)  # type: ignore[arg-type]


@needs("caps.domain", "domain.define")
def test_what_is_said_to_be_possible_is(bench: Bench, connection: Connection) -> None:
    """A guest with the most vCPUs that the document promises can be defined."""
    found: Any = connection.domain_capabilities()
    bench.require(found.vcpu is not None and found.vcpu.max, "the document tells no limit")
    text = bench.document()
    bench.require(f'type="{found.domain}"' in text or f"type='{found.domain}'" in text, "another kind of guest")
    guest = bench.define(extra=f"<vcpu current='1'>{min(found.vcpu.max, 64)}</vcpu>")
    assert guest.info().vcpus == 1


# -- comparing ------------------------------------------------------------------------------------------------


@needs("cpu.compare", "caps.host")
def test_a_host_is_like_itself(connection: Connection) -> None:
    assert connection.compare_cpu(host_cpu(connection)) in ("identical", "superset")


@needs("cpu.compare", "caps.host")
def test_no_host_has_a_feature_that_does_not_exist(connection: Connection) -> None:
    model = connection.cpu_models(arch(connection))[0]
    text = f"<cpu match='exact'><model>{model}</model><feature policy='require' name='levitation'/></cpu>"
    try:
        assert connection.compare_cpu(text) == "incompatible"
    except InvalidArgument as refusal:
        assert "levitation" in refusal.message


@needs("cpu.compare")
@pytest.mark.parametrize("text", ["", "<cpu", "<domain/>", "<cpu><modl>x</modl></cpu>"])
def test_what_is_no_cpu_is_not_compared(connection: Connection, text: str) -> None:
    with pytest.raises(PolyvisorError) as refusal:
        connection.compare_cpu(text)
    assert refusal.value.code in ("invalid-argument", "invalid-document")


@needs("cpu.compare", "caps.host", "cpu.model-names")
def test_verdicts_are_one_of_three(connection: Connection) -> None:
    name = arch(connection)
    for model in connection.cpu_models(name)[:5]:
        found = connection.compare_cpu(CONTRIVED.format(arch=name, model=model))
        assert found in ("identical", "superset", "incompatible")


# -- what they have in common ---------------------------------------------------------------------------------


@needs("cpu.baseline", "caps.host", "cpu.model-names")
def test_what_one_cpu_has_in_common_with_itself(connection: Connection) -> None:
    name = arch(connection)
    text = CONTRIVED.format(arch=name, model=connection.cpu_models(name)[0])
    once, twice = connection.baseline_cpu([text]), connection.baseline_cpu([text, text])
    assert once == twice
    assert parsed(connection, "cpu", once).tag == "cpu"


@needs("cpu.baseline", "caps.host", "cpu.model-names")
def test_the_order_of_cpus_does_not_matter(connection: Connection) -> None:
    name = arch(connection)
    first, *_, last = (CONTRIVED.format(arch=name, model=model) for model in connection.cpu_models(name))
    assert connection.baseline_cpu([first, last]) == connection.baseline_cpu([last, first])


@needs("cpu.baseline")
@pytest.mark.parametrize("cpus", [[], [""], ["<cpu"], ["<cpu><arch>abacus</arch><model>beads</model></cpu>"]])
def test_there_is_nothing_in_common(connection: Connection, cpus: list[str]) -> None:
    with pytest.raises(PolyvisorError) as refusal:
        connection.baseline_cpu(cpus)
    assert refusal.value.code in ("invalid-argument", "invalid-document")


@needs("cpu.baseline", "cpu.compare", "caps.host")
def test_a_host_has_what_it_has_in_common(connection: Connection) -> None:
    found = connection.baseline_cpu([host_cpu(connection)])
    assert connection.compare_cpu(found) in ("identical", "superset")
