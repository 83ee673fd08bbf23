"""`patchplan demo`: real images, and the whole loop run on them, each command shown."""

import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from patchplan.cli.boundary import BAD_INPUT, reported
from patchplan.errors import MissingExtraError, OutputError

EXAMPLE = "Example: patchplan demo my-first-plan"
FILES = ("nuclei.tif", "brain.tif", "blur.py", "compare.py", "LICENSES.md")

CONFIG = """\
# Overlapping tiles for prediction: each loses 16 pixels per side, and what is kept partitions the image.
name: tiled
patch_size: [128, 128]
halo: 16
"""

COMMANDS = (
    ("See how the images are read and what would be planned; nothing is written.",
     "patchplan plan nuclei.tif --strategy tiled --patch-size 128 --halo 16 --dry-run"),
    ("Plan overlapping tiles for prediction, from a config file.",
     "patchplan plan nuclei.tif -c tiled.yaml -o tiles.csv --overwrite"),
    ("Prove that what the tiles keep covers every pixel once.",
     "patchplan inspect tiles.csv --require-partition"),
    ("Cut the tiles out, and make a store of the same form for predictions.",
     "patchplan extract tiles.csv -o patches.zarr --overwrite"),
    ("", "patchplan extract tiles.csv -o predictions.zarr --empty --channels-out 1 --dtype float32 --overwrite"),
    ("Your model comes here. This one is a Gaussian filter, which needs less than 16 pixels around each pixel.",
     "python blur.py patches.zarr predictions.zarr"),
    ("Put the predictions back into one image.",
     "patchplan stitch tiles.csv predictions.zarr -o blurred.ome.zarr --overwrite"),
    ("Is that the same as filtering the whole image? To the last bit.",
     "python compare.py nuclei.tif blurred.ome.zarr"),
    ("For training: random patches, two epochs of them, in 3-D.",
     "patchplan plan brain.tif --strategy random --patch-size 8,32,32 --seed 1 --epochs 2 -o train.csv --overwrite"),
)  # fmt: skip


@reported
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put the images.")] = Path("patchplan-demo"),
) -> None:
    """Put two small real images into DIR and show the whole loop: plan, inspect, extract, a model, stitch."""
    if find_spec("scipy") is None:
        raise MissingExtraError("the demo's filter needs scipy", "demo")
    _put_files(folder)
    typer.echo(f"Two images are in {folder} (where they come from: {folder / 'LICENSES.md'}). Now, in that folder:")
    for why, command in COMMANDS:
        _show(why, command)
        run = [sys.executable, *shlex.split(command.replace("patchplan", "-m patchplan", 1).removeprefix("python "))]
        sys.stdout.flush()
        if subprocess.run(run, cwd=folder, check=False).returncode:  # noqa: S603 - our own commands, above
            raise typer.Exit(BAD_INPUT)
    typer.echo(
        f"\nblurred.ome.zarr in {folder} opens in napari and other viewers. Repeat any command, or try your own image."
    )


def _show(why: str, command: str) -> None:
    if why:
        typer.secho(f"\n# {why}", fg="cyan")
    typer.secho(f"$ {command}", bold=True)
    script = command.split()[1]
    if script == "blur.py":
        typer.secho(_content(script).decode(), dim=True)


def _content(name: str) -> bytes:
    from importlib.resources import files

    return (files("patchplan") / "demo" / name).read_bytes()


def _put_files(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        contents = {name: _content(name) for name in FILES}
        contents["tiled.yaml"] = CONFIG.encode()
        for name, content in contents.items():
            path = folder / name
            if path.exists() and path.read_bytes() != content:
                raise OutputError(f"{path}: exists already and is not the demo's; use another folder")
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from None
