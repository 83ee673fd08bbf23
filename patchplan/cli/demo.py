"""`patchplan demo`: real images, and the tool run on them, each command shown."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from patchplan.cli.boundary import BAD_INPUT, reported
from patchplan.errors import OutputError

EXAMPLE = "Example: patchplan demo my-first-plan"
IMAGES = ("nuclei.tif", "brain.tif", "LICENSES.md")

CONFIG = """\
# Overlapping tiles for prediction: each loses 16 pixels per side, and what is kept partitions the image.
name: tiled
patch_size: [128, 128]
halo: 16
"""

COMMANDS = (
    ("See how the images are read and what would be planned; nothing is written.",
     "plan nuclei.tif --strategy tiled --patch-size 128 --halo 16 --dry-run"),
    ("Plan overlapping tiles for prediction, from a config file.",
     "plan nuclei.tif -c tiled.yaml -o tiles.csv --overwrite"),
    ("Plan random patches for training, two epochs, in 3-D.",
     "plan brain.tif --strategy random --patch-size 8,32,32 --seed 1 --epochs 2 -o patches.parquet --overwrite"),
)  # fmt: skip


@reported
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put the images.")] = Path("patchplan-demo"),
) -> None:
    """Put two small real images into DIR and plan them, showing each command."""
    _put_files(folder)
    typer.echo(f"Two images are in {folder} (where they come from: {folder / 'LICENSES.md'}). Now, in that folder:\n")
    for why, command in COMMANDS:
        typer.secho(f"# {why}", fg="cyan")
        typer.secho(f"$ patchplan {command}", bold=True)
        run = [sys.executable, "-m", "patchplan", *shlex.split(command)]
        sys.stdout.flush()
        if subprocess.run(run, cwd=folder, check=False).returncode:  # noqa: S603 - our own commands, above
            raise typer.Exit(BAD_INPUT)
    typer.echo(
        f"The tiles, a line each, are in {folder / 'tiles.csv'}. Repeat any command above, or try your own image."
    )


def _put_files(folder: Path) -> None:
    from importlib.resources import files

    try:
        folder.mkdir(parents=True, exist_ok=True)
        contents = {name: (files("patchplan") / "demo" / name).read_bytes() for name in IMAGES}
        contents["tiled.yaml"] = CONFIG.encode()
        for name, content in contents.items():
            path = folder / name
            if path.exists() and path.read_bytes() != content:
                raise OutputError(f"{path}: exists already and is not the demo's; use another folder")
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}") from None
