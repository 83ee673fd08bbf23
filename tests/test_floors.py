"""The house: a file imports only from its own floor or below, and heavy libraries only in their rooms."""

import ast
import subprocess
import sys
from pathlib import Path

import patchplan

PACKAGE = Path(patchplan.__file__).parent
FLOORS = {
    "errors": 0,
    "publish": 0,
    "core": 0,
    "journal": 0,
    "objects": 0,
    "patching": 1,
    "images": 1,
    "cluster": 1,
    "plans": 2,
    "tiles": 2,
    "extracting": 3,
    "sampling": 3,
    "coverage": 3,
    "stitching": 3,
    "pictures": 4,
    "torch": 4,
    "napari": 4,
    "api": 5,
    "cli": 6,
    "demo": 7,
    "__init__": 7,
    "__main__": 7,
}
ROOMS = {
    "tifffile": {"images", "tiles", "stitching"},
    "zarr": {"images", "tiles", "stitching", "demo"},
    "tensorstore": {"images", "tiles", "stitching"},
    "typer": {"cli"},
    "rich": {"cli"},
    "pyarrow": {"plans"},
    "yaml": {"plans"},
    "matplotlib": {"pictures"},
    "torch": {"torch"},
    "napari": {"napari"},
    "distributed": {"cluster"},
    "obstore": {"objects"},
}


def imports(path: Path) -> set[str]:
    """All modules that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def test_a_file_imports_only_from_its_own_floor_or_below():
    for path in PACKAGE.rglob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "patchplan" and len(parts) > 1 and parts[1] in FLOORS:
                assert FLOORS[parts[1]] <= FLOORS[room_of(path)], f"{path.name} imports {name} from above"


def test_heavy_libraries_stay_in_their_rooms():
    for path in PACKAGE.rglob("*.py"):
        for name in imports(path):
            allowed = ROOMS.get(name.split(".")[0])
            assert allowed is None or room_of(path) in allowed, f"{path.name} imports {name}"


def test_every_room_stands_on_a_known_floor():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")}
    assert rooms <= FLOORS.keys()


def test_rooms_of_one_floor_do_not_import_each_other():
    for path in PACKAGE.rglob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "patchplan" and len(parts) > 1 and parts[1] in FLOORS:
                same_floor = FLOORS[parts[1]] == FLOORS[room_of(path)] and FLOORS[parts[1]] > 0
                assert not same_floor or parts[1] == room_of(path), f"{path.name} imports {name}"


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded in a fresh interpreter after `code`."""
    report = f"{code}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def test_core_imports_numpy_only():
    modules = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in (PACKAGE / "core").glob("*.py")
    ]
    loaded = loaded_by("import " + ", ".join(modules))
    heavy = {"pydantic", "yaml", "pyarrow", "tifffile", "zarr", "typer", "rich", "imagecodecs", "scipy"}
    assert "numpy" in loaded
    assert not loaded & heavy


def test_help_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['patchplan', '--help']\n"
        "from patchplan.cli import main\n"
        "try: main()\nexcept SystemExit: pass"
    )
    heavy = {"numpy", "pydantic", "yaml", "pyarrow", "tifffile", "zarr", "tensorstore", "imagecodecs", "torch"}
    assert not loaded_by(code) & heavy


def test_the_package_loads_its_names_when_they_are_used():
    assert "numpy" not in loaded_by("import patchplan")
    for name in patchplan.__all__:
        assert getattr(patchplan, name) is not None
