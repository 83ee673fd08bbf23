"""What is released: the wheel and the source archive hold all that is needed, agree, and work from another folder.

They are built here with the build tool itself, so no network is needed.
"""

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import PackageMetadata, PathDistribution
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.running import environment

pytest.importorskip("hatchling")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME = f"patchplan-{PROJECT['version']}"
IN_ARCHIVE = ("patchplan", "tests", "sample_configs")


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a wheel or a source archive of a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", ROOT, folder / "built")) as tar:
        tar.extractall(folder, filter="data")
    return folder / NAME


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as it would be installed."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(folder)
    return folder


def metadata(installed: Path) -> PackageMetadata:
    return PathDistribution(installed / f"{NAME}.dist-info").metadata


def sources(root: Path) -> set[str]:
    """Files below a folder's `patchplan`, without what Python leaves there."""
    found = (path for path in (root / "patchplan").rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix() for path in found if "__pycache__" not in path.parts}


def test_the_wheel_is_the_package_and_nothing_else(installed):
    assert {path.name for path in installed.iterdir()} == {"patchplan", f"{NAME}.dist-info"}
    assert sources(installed) == sources(ROOT)


@pytest.mark.parametrize("name", ["py.typed", "demo/nuclei.tif", "demo/brain.tif", "demo/LICENSES.md"])
def test_the_wheel_holds_what_no_module_imports(installed, name):
    assert (installed / "patchplan" / name).exists()


def test_the_wheel_holds_every_file_of_the_page(installed):
    pages = {path.name for path in (installed / "patchplan" / "pictures" / "page").iterdir()}
    assert {"page.html", "style.css", "main.js"} <= pages


def test_the_archive_holds_the_tests_and_what_they_read(archive):
    names = {path.name for path in archive.iterdir()}
    read = {"README.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "how_it_works.png", "pyproject.toml", ".ci"}
    assert {*IN_ARCHIVE, *read} <= names
    assert not any(archive.rglob("*.pyc"))


def test_a_wheel_of_the_archive_is_the_same(archive, wheel, tmp_path):
    assert build("wheel", archive, tmp_path).read_bytes() == wheel.read_bytes()


def test_it_works_from_another_folder(installed, tmp_path):
    def python(*command: str) -> str:
        command = (sys.executable, *command)
        variables = environment(PYTHONPATH=str(installed))
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert Path(python("-c", "import patchplan; print(patchplan.__file__)").strip()).parents[1] == installed
    image = str(installed / "patchplan" / "demo" / "nuclei.tif")
    python("-m", "patchplan", "plan", image, "--strategy", "tiled", "--patch-size", "128", "-o", "tiles.csv")
    python("-m", "patchplan", "inspect", "tiles.csv", "--require-partition", "--html", "page.html")
    assert (tmp_path / "page.html").exists()


def test_the_metadata_say_what_a_registry_shows(installed):
    facts = metadata(installed)
    assert facts["License-Expression"] == "BSD-3-Clause"
    assert facts["Description-Content-Type"] == "text/markdown"
    assert facts["Requires-Python"] == ">=3.11"
    assert {"Typing :: Typed", "Programming Language :: Python :: 3.11"} <= set(facts.get_all("Classifier", []))


def test_every_dependency_has_a_floor():
    extras = PROJECT["optional-dependencies"]
    for requirement in [*PROJECT["dependencies"], *(one for extra in extras.values() for one in extra)]:
        assert re.fullmatch(r"[\w.-]+(\[\w+\])?>=[\d.]+", requirement), requirement


def imported(path: Path) -> set[str]:
    """Top-level names of the packages that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_every_package_that_is_imported_is_a_dependency():
    others = {name: only for name, only in PROJECT["optional-dependencies"].items() if name != "dev"}
    wanted = [*PROJECT["dependencies"], *(one for extra in others.values() for one in extra)]
    names = {re.split(r"[>=]", one)[0].lower() for one in wanted}
    modules = {"yaml": "pyyaml"}
    packages = {name for path in (ROOT / "patchplan").rglob("*.py") for name in imported(path)}
    for package in packages - sys.stdlib_module_names - {"patchplan"}:
        assert modules.get(package, package) in names, package


def test_the_citation_agrees_with_the_project():
    citation: Any = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert f"## {citation['version']}" in (ROOT / "CHANGELOG.md").read_text()
