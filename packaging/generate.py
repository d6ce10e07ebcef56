"""Writes packaging/debian/control and packaging/rpm/polyvisor.spec: which packages there are and what each asks for.

python packaging/generate.py            write them
python packaging/generate.py --check    say whether they are stale, and change nothing

The facts come from packages.toml and from the pyproject.toml of each distribution; the templates beside this file
have the rest.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

PACKAGING = Path(__file__).resolve().parent
WORKSPACE = PACKAGING.parent
VERSION = (WORKSPACE / "VERSION").read_text().strip()
FAMILIES = ("debian", "rpm")
STRENGTHS = ("recommends", "suggests")
ABOUT = (
    "Polyvisor is one Python API and one command line over many hypervisors. Documents, states and commands are those "
    "of libvirt; every hypervisor is a plugin."
)


@dataclass(frozen=True)
class Needs:
    """Packages that one family of distributions recommends or suggests beside another package."""

    recommends: tuple[str, ...] = ()
    suggests: tuple[str, ...] = ()

    @property
    def everything(self) -> tuple[str, ...]:
        return self.recommends + self.suggests


@dataclass(frozen=True)
class Plugin:
    """A plugin of the workspace: its name as in plugins/NAME, and what packages.toml says of it."""

    name: str
    summary: str
    about: str
    needs: Mapping[str, Needs] = field(default_factory=dict)
    python: Sequence[tuple[str, str]] = ()
    """Libraries of Python that it depends on, and the oldest version of each that will do."""

    @property
    def package(self) -> str:
        """The name of its distribution and of its packages."""
        return f"polyvisor-{self.name}"


def _needs(table: Mapping[str, Any]) -> dict[str, Needs]:
    found = {}
    for family in FAMILIES:
        told = table.get(family, {})
        if unknown := told.keys() - set(STRENGTHS):
            raise SystemExit(f"packages.toml: {family}.{min(unknown)} is none of {', '.join(STRENGTHS)}")
        found[family] = Needs(*(tuple(told.get(strength, ())) for strength in STRENGTHS))
    return found


def plugins() -> list[Plugin]:
    """The plugins of the workspace, by name; each is told of in packages.toml, and nothing else is."""
    told = tomllib.loads((PACKAGING / "packages.toml").read_text("utf-8"))["plugins"]
    there = {home.parent.name for home in WORKSPACE.glob("plugins/*/pyproject.toml")}
    if missing := there - told.keys():
        raise SystemExit(f"packages.toml lacks [plugins.{min(missing)}], which is in the workspace")
    if superfluous := told.keys() - there:
        raise SystemExit(f"packages.toml has [plugins.{min(superfluous)}], which is not in the workspace")
    return [
        Plugin(name, told[name]["summary"], told[name]["about"], _needs(told[name]), libraries(name))
        for name in sorted(there)
    ]


def libraries(plugin: str) -> list[tuple[str, str]]:
    """What a plugin's pyproject.toml asks for beside the core, as names and oldest versions."""
    text = (WORKSPACE / "plugins" / plugin / "pyproject.toml").read_text("utf-8")
    asked = [requirement.split(">=") for requirement in tomllib.loads(text)["project"]["dependencies"]]
    return [(name, oldest) for name, oldest in asked if name != "polyvisor"]


def runtime() -> list[tuple[str, str]]:
    """What the core depends on and the oldest version that will do, as core/hatch_build.py has it."""
    written = re.search(r"^RUNTIME = (.+)$", (WORKSPACE / "core" / "hatch_build.py").read_text("utf-8"), re.MULTILINE)
    assert written is not None
    return [tuple(requirement.split(">=")) for requirement in ast.literal_eval(written[1])]


def core_needs() -> dict[str, Needs]:
    """What the core suggests."""
    return _needs(tomllib.loads((PACKAGING / "packages.toml").read_text("utf-8"))["core"])


# -- Debian ---------------------------------------------------------------------------------------------------


def folded(text: str, width: int = 78) -> str:
    """The long description of a Debian package."""
    lines = "\n\n".join(textwrap.fill(paragraph, width) for paragraph in text.split("\n\n")).split("\n")
    return "\n".join(" " + (line or ".") for line in lines)


def field_of(name: str, packages: Sequence[str]) -> Iterator[str]:
    """A field that lists packages, one a line; nothing for none."""
    if packages:
        yield f"{name}:\n" + ",\n".join(f" {package}" for package in packages)


def debian_plugin(plugin: Plugin) -> str:
    """The paragraph of debian/control for one plugin."""
    needs = plugin.needs["debian"]
    return "\n".join(
        [
            f"Package: {plugin.package}",
            "Architecture: all",
            *field_of(
                "Depends",
                [
                    "python3-polyvisor (>= ${source:Upstream-Version})",
                    *(f"python3-{name} (>= {oldest})" for name, oldest in plugin.python),
                    "${misc:Depends}",
                    "${python3:Depends}",
                ],
            ),
            *field_of("Recommends", ["polyvisor", *needs.recommends]),
            *field_of("Suggests", needs.suggests),
            f"Description: one API over many hypervisors - {plugin.summary}",
            folded(f"{ABOUT}\n\n{plugin.about}"),
        ]
    )


def control() -> str:
    """debian/control."""
    known = plugins()
    return Template((PACKAGING / "control.in").read_text("utf-8")).substitute(
        about=folded(ABOUT),
        core_depends="\n".join(f" python3-{name} (>= {oldest})," for name, oldest in runtime()),
        core_suggests="\n".join(field_of("Suggests", core_needs()["debian"].suggests)),
        command_suggests="\n".join(field_of("Suggests", [plugin.package for plugin in known])),
        plugins="\n\n".join(map(debian_plugin, known)),
    )


# -- RPM ------------------------------------------------------------------------------------------------------


def tags(needs: Needs) -> list[str]:
    """The weak dependencies of an RPM package."""
    return [f"Recommends: {name}" for name in needs.recommends] + [f"Suggests: {name}" for name in needs.suggests]


def rpm_plugin(plugin: Plugin) -> str:
    """The sections of the spec file for one plugin."""
    module = plugin.package.replace("-", "_")
    return "\n".join(
        [
            f"%package -n {plugin.package}",
            f"Summary: One API over many hypervisors: {plugin.summary}",
            "Requires: python3-polyvisor >= %{version}",
            *(f"Requires: python3-{name} >= {oldest}" for name, oldest in plugin.python),
            "Recommends: polyvisor",
            *tags(plugin.needs["rpm"]),
            "",
            f"%description -n {plugin.package}",
            textwrap.fill(f"{ABOUT} {plugin.about}", 78),
            "",
            f"%files -n {plugin.package}",
            "%license LICENSE",
            f"%doc plugins/{plugin.name}/README.md",
            f"%{{python3_sitelib}}/{module}/",
            f"%{{python3_sitelib}}/{module}-%{{version}}.dist-info/",
        ]
    )


def spec() -> str:
    """polyvisor.spec."""
    known = plugins()
    return Template((PACKAGING / "polyvisor.spec.in").read_text("utf-8")).substitute(
        version=VERSION,
        about=textwrap.fill(ABOUT, 78),
        core_requires="\n".join(f"Requires: python3-{name} >= {oldest}" for name, oldest in runtime()),
        core_suggests="\n".join(tags(core_needs()["rpm"])),
        command_suggests="\n".join(f"Suggests: {plugin.package}" for plugin in known),
        homes=" ".join(f"plugins/{plugin.name}" for plugin in known),
        plugins="\n\n".join(map(rpm_plugin, known)),
    )


def files() -> dict[Path, str]:
    """Each generated file and its text."""
    return {PACKAGING / "debian/control": control(), PACKAGING / "rpm/polyvisor.spec": spec()}


def main(arguments: Sequence[str]) -> int:
    check = "--check" in arguments
    stale = {file: text for file, text in files().items() if not file.exists() or file.read_text("utf-8") != text}
    for file, text in stale.items():
        print(f"{'stale' if check else 'written'}: {file.relative_to(WORKSPACE)}")
        if not check:
            file.write_text(text, "utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
