"""What is built is what is installed: every distribution, as an sdist and as the wheel made from that sdist."""

from __future__ import annotations

import email
import email.message
import subprocess
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip(
    "hatchling", reason="hatchling builds the distributions; it comes with the dependency group 'build'"
)

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from polyvisor.entrypoints import section_lines

WORKSPACE = Path(__file__).parents[2]
VERSION = (WORKSPACE / "VERSION").read_text().strip()
DISTRIBUTIONS = {
    tomllib.loads((home / "pyproject.toml").read_text())["project"]["name"]: home
    for home in (WORKSPACE / "core", WORKSPACE / "schemas", *sorted(WORKSPACE.glob("plugins/*")))
}
PLUGINS = [name for name, home in DISTRIBUTIONS.items() if home.parent.name == "plugins"]
DRIVERS = [name for name in PLUGINS if (DISTRIBUTIONS[name] / "src" / name.replace("-", "_") / "driver.py").exists()]
OWNERS = [name for name in PLUGINS if "polyvisor.documents" in (DISTRIBUTIONS[name] / "pyproject.toml").read_text()]


@dataclass
class Built:
    """One distribution, built; ``unpacked`` is where its sdist was taken apart."""

    home: Path
    sdist: Path
    unpacked: Path
    wheel: Path

    def files(self) -> set[str]:
        """The names in the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def read(self, suffix: str) -> str:
        """The one file of the wheel whose name ends so."""
        with zipfile.ZipFile(self.wheel) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(suffix))
            return archive.read(name).decode()

    @property
    def metadata(self) -> email.message.Message:
        return email.message_from_string(self.read(".dist-info/METADATA"))


@pytest.fixture(scope="module", params=DISTRIBUTIONS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    home = DISTRIBUTIONS[request.param]
    scratch = tmp_path_factory.mktemp(request.param)
    (sdist,) = SdistBuilder(str(home)).build(directory=str(scratch))
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):  # Python 3.11.4 and later
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(scratch)
    unpacked = scratch / Path(sdist).name.removesuffix(".tar.gz")
    (wheel,) = WheelBuilder(str(unpacked)).build(directory=str(scratch), versions=["standard"])
    return Built(home, Path(sdist), unpacked, Path(wheel))


def test_the_version_is_the_workspaces_in_the_sdist_and_in_the_wheel_made_from_it(built: Built) -> None:
    assert built.metadata["Version"] == VERSION
    assert f"-{VERSION}.tar.gz" in built.sdist.name
    assert f"-{VERSION}-py3-none-any.whl" in built.wheel.name


def test_every_source_file_of_the_package_is_in_the_wheel(built: Built) -> None:
    tracked = subprocess.run(["git", "ls-files", "src"], cwd=built.home, capture_output=True, text=True)
    if tracked.returncode or not tracked.stdout:
        pytest.skip("not a git checkout, so what belongs to the package is not known")
    present = {name.removeprefix("src/") for name in tracked.stdout.split() if (built.home / name).exists()}
    assert present - built.files() == set()


def test_the_wheel_says_that_it_is_typed(built: Built) -> None:
    assert [name for name in built.files() if name.endswith("/py.typed")] != []


def test_the_wheel_holds_one_package_and_its_metadata(built: Built) -> None:
    package = built.metadata["Name"].replace("-", "_")
    assert {name.partition("/")[0] for name in built.files()} == {package, f"{package}-{VERSION}.dist-info"}


def test_the_licence_is_in_the_sdist_and_in_the_wheel(built: Built) -> None:
    licence = (WORKSPACE / "LICENSE").read_text()
    assert built.metadata["License-Expression"] == "Apache-2.0"
    assert built.read(".dist-info/licenses/LICENSE") == licence
    assert (built.unpacked / "LICENSE").read_text() == licence


def test_the_description_is_the_readme_and_gives_a_reason_for_every_dependency(built: Built) -> None:
    assert built.metadata["Description-Content-Type"] == "text/markdown"
    readme = built.metadata.get_payload()
    for requirement in built.metadata.get_all("Requires-Dist", []):
        name = requirement.replace(";", " ").replace("=", " ").replace(">", " ").split()[0]
        assert name in readme, f"the README does not say why {name} is needed"


@pytest.mark.parametrize("built", PLUGINS, indirect=True)
def test_a_plugin_is_a_driver_or_brings_something_to_documents(built: Built) -> None:
    assert built.metadata["Name"] in (*DRIVERS, *OWNERS)


@pytest.mark.parametrize("built", DRIVERS, indirect=True)
def test_a_driver_is_found_by_its_entry_point(built: Built) -> None:
    package = built.metadata["Name"].replace("-", "_")
    assert "[polyvisor.drivers]" in built.read("entry_points.txt")
    assert f"{package}.driver:driver" in built.read("entry_points.txt")


@pytest.mark.parametrize("built", OWNERS, indirect=True)
def test_what_a_plugin_brings_to_documents_is_found_by_its_entry_point(built: Built) -> None:
    points = list(section_lines(built.read("entry_points.txt"), "polyvisor.documents"))
    assert points != []
    for point in points:
        module = point.partition("=")[2].strip().partition(":")[0]
        assert f"{module.replace('.', '/')}.py" in built.files()


@pytest.mark.parametrize("built", PLUGINS, indirect=True)
def test_a_plugin_asks_for_the_core_and_what_speaks_to_its_hypervisor(built: Built) -> None:
    beside = {"polyvisor-esx": ["lxml", "pyvmomi"]}.get(built.metadata["Name"], [])
    asked = {line.split(">")[0] for line in built.metadata.get_all("Requires-Dist", [])}
    assert asked == {"polyvisor", *beside}


@pytest.mark.parametrize("built", ["polyvisor"], indirect=True)
def test_the_core_asks_for_the_schemas_of_its_own_version(built: Built) -> None:
    assert f"polyvisor-schemas=={VERSION}" in built.metadata.get_all("Requires-Dist", [])


def test_all_means_every_driver_of_the_workspace() -> None:
    extras = tomllib.loads((WORKSPACE / "core/pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert sorted(extras["all"]) == sorted(PLUGINS)
    assert [extras[name.removeprefix("polyvisor-")] for name in PLUGINS] == [[name] for name in PLUGINS]
