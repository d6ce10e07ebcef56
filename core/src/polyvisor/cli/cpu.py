"""Comparing CPUs and finding what several have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import Status, UsageFault
from polyvisor.cli.parameters import data, flag, read_file
from polyvisor.errors import InvalidDocument

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell


def cpus_in(path: str) -> list[str]:
    """Every ``<cpu>`` in a file, at whatever depth: of domains, capabilities, or one after the other."""
    from lxml import etree

    from polyvisor.documents.parsing import parse

    text = read_file(path).decode(errors="replace").lstrip("\ufeff").lstrip()
    if text.startswith("<?xml"):
        text = text.partition("?>")[2]
    root = parse(f"<cpus>{text}</cpus>")
    found = [
        str(etree.tostring(node, encoding="unicode", with_tail=False))
        for node in root.iter("cpu")
        if node.get("id") is None  # a host CPU of a NUMA cell is also called <cpu>
    ]
    if not found:
        raise InvalidDocument(f"there is no <cpu> in {path}")
    return found


def machine(function: Callable[..., Any]) -> Callable[..., Any]:
    """For which guests: type, emulator, architecture, machine."""
    function = data("machine", required=False, help="Machine type.")(function)
    function = data("arch", required=False, help="Architecture of the guest.")(function)
    function = data("emulator", required=False, help="Path of the emulator.")(function)
    return data("virttype", required=False, help="Type of domain: kvm, qemu, ...")(function)


_SENTENCES = {
    "identical": "CPU described in {} is identical to {}",
    "superset": "{1} is a superset of CPU described in {0}",
    "incompatible": "CPU described in {} is incompatible with {}",
}

error = flag("error", "For virsh's sake: the status always tells.")
validate = flag("validate", "For virsh's sake: documents are always validated.")


def _compare(shell: Shell, file: str, other: str, **options: Any) -> int:
    result = shell.connection.compare_cpu(cpus_in(file)[0], **options)
    sentence = _SENTENCES[result].format(file, other)
    shell.data({"result": result}, sentence[0].upper() + sentence[1:])
    return Status.FAILED if result == "incompatible" else Status.OK


@command("cpu-compare")
@data("file", help="File with a <cpu>; - is standard input.")
@error
@validate
def cpu_compare(shell: Shell, file: str, error: bool, validate: bool) -> int:
    """The status is 1 if they are incompatible."""
    return _compare(shell, file, "host CPU")


@command("hypervisor-cpu-compare")
@data("file", help="File with a <cpu>; - is standard input.")
@machine
@error
@validate
def hypervisor_cpu_compare(
    shell: Shell, file: str, virttype: str | None, error: bool, validate: bool, **options: str | None
) -> int:
    """The status is 1 if they are incompatible."""
    return _compare(
        shell, file, "the CPU provided by hypervisor on the host", hypervisor=True, domain_type=virttype, **options
    )


features = flag("features", "Spell out the features that the model implies.")
migratable = flag("migratable", "Leave out features that block migration.")


@command("cpu-baseline")
@data("file", help="File with <cpu> elements; - is standard input.")
@features
@migratable
def cpu_baseline(shell: Shell, file: str, features: bool, migratable: bool) -> None:
    """A <cpu> that each of these hosts can provide."""
    xml = shell.connection.baseline_cpu(cpus_in(file), expand_features=features, migratable=migratable)
    shell.data({"xml": xml}, xml.rstrip("\n"))


@command("hypervisor-cpu-baseline")
@data("file", required=False, help="File with <cpu> elements; - is standard input.")
@machine
@features
@migratable
@click.option("--model", metavar="NAME", help="A CPU model, instead of a file.")
def hypervisor_cpu_baseline(
    shell: Shell,
    file: str | None,
    virttype: str | None,
    features: bool,
    migratable: bool,
    model: str | None,
    **options: str | None,
) -> None:
    """A <cpu> that the hypervisor can provide to guests on each of these hosts."""
    if (file is None) == (model is None):
        raise UsageFault("exactly one of <file> and --model")
    from xml.sax.saxutils import escape

    cpus = cpus_in(file) if file is not None else [f"<cpu><model>{escape(model or '')}</model></cpu>"]
    xml = shell.connection.baseline_cpu(
        cpus, hypervisor=True, expand_features=features, migratable=migratable, domain_type=virttype, **options
    )
    shell.data({"xml": xml}, xml.rstrip("\n"))
