"""`patchplan extract`: patches out of images."""

from typing import Annotated

import typer

from patchplan.cli.boundary import reported
from patchplan.cli.progress import progress_bars
from patchplan.cli.render import say
from patchplan.cli.talking import talking
from patchplan.errors import ConfigError
from patchplan.extracting.words import FileFormat, PadModeName

EXAMPLE = "Example: patchplan extract plan.parquet -o tiles.zarr"
PATCHES, OTHERS, EMPTY, RUN = "Patches", "Other images (--from)", "A store for predictions (--empty)", "Running"


@reported
def extract(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="Which patches to cut out.")],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="OUT", help=".zarr a stack, .npy an array, else a folder of files."),
    ] = None,
    file_format: Annotated[FileFormat | None, typer.Option("--format", help="What is in a folder (npy).")] = None,
    epoch: Annotated[int, typer.Option(metavar="K", help="Which epoch of the plan.", rich_help_panel=PATCHES)] = 0,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which split: train, validation, test.", rich_help_panel=PATCHES)
    ] = None,
    fold: Annotated[
        int | None, typer.Option(metavar="K", help="Which fold of a plan with folds.", rich_help_panel=PATCHES)
    ] = None,
    channels: Annotated[
        str | None, typer.Option(metavar="C,...", help="Channels to take, such as 0,2.", rich_help_panel=PATCHES)
    ] = None,
    pad_mode: Annotated[
        PadModeName,
        typer.Option(help="What is outside an image: 0, its mirror image, its edge.", rich_help_panel=PATCHES),
    ] = "constant",
    root: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder that paths in the plan start from.", rich_help_panel=PATCHES),
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="INPUT",
            help="Cut the same patches out of these; may be repeated, a folder or a glob.",
            rich_help_panel=OTHERS,
        ),
    ] = None,
    axes: Annotated[
        str | None, typer.Option(metavar="LETTERS", help="Their axes, such as ZYX.", rich_help_panel=OTHERS)
    ] = None,
    series: Annotated[int | None, typer.Option(metavar="N", help="TIFF series.", rich_help_panel=OTHERS)] = None,
    level: Annotated[int | None, typer.Option(metavar="N", help="Pyramid level.", rich_help_panel=OTHERS)] = None,
    array: Annotated[
        str | None, typer.Option(metavar="PATH", help="Array inside a Zarr store.", rich_help_panel=OTHERS)
    ] = None,
    empty: Annotated[
        bool,
        typer.Option(
            "--empty",
            help="Write no patch: make a stack of which a model sets entry k of tiles, then of index. Every entry "
            "is a file of its own, so that any number of processes may write.",
            rich_help_panel=EMPTY,
        ),
    ] = False,
    channels_out: Annotated[
        int | None, typer.Option(metavar="C", help="Channels of the predictions.", rich_help_panel=EMPTY)
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="DTYPE", help="Their type, such as float32.", rich_help_panel=EMPTY)
    ] = None,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Memory beyond the program's own.", rich_help_panel=RUN)
    ] = "2GB",
    workers: Annotated[int | None, typer.Option(metavar="N", help="Threads.", rich_help_panel=RUN)] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output.", rich_help_panel=RUN)
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same run was stopped.", rich_help_panel=RUN)
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="On the workers of Dask; local: processes here.", rich_help_panel=RUN),
    ] = None,
    checksums: Annotated[
        bool, typer.Option("--checksums", help="Write OUT.sha256 for patchplan verify.", rich_help_panel=RUN)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written; write nothing.", rich_help_panel=RUN)
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=RUN)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.", rich_help_panel=RUN)] = False,
) -> None:
    """Cut the patches of a plan out of its images, as a stack, an array, or a file each."""
    from patchplan.cli.heap import keep_heap_small

    keep_heap_small()
    from patchplan import api
    from patchplan.cli.extracted import show_extracted

    with talking(quiet=quiet), progress_bars(quiet=quiet) as progress:
        result = api.extract(
            plan,
            output,
            images=images or None,
            axes=axes,
            series=series,
            level=level,
            array=array,
            channels=_channels(channels),
            pad_mode=pad_mode,
            epoch=epoch,
            split=split,
            fold=fold,
            format=file_format,
            empty=empty,
            channels_out=channels_out,
            dtype=dtype,
            root=root,
            memory=memory,
            workers=workers,
            overwrite=overwrite,
            resume=resume,
            scheduler=scheduler,
            checksums=checksums,
            dry_run=dry_run,
            progress=progress,
        )
    if not quiet:
        for note in result.notes:
            say(note, "warning")
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    elif not quiet:
        show_extracted(result)


def _channels(text: str | None) -> list[int] | None:
    """Read numbers of channels."""
    if text is None:
        return None
    try:
        return [int(entry) for entry in text.split(",")]
    except ValueError:
        raise ConfigError(f"--channels: found {text!r}; allowed: numbers from 0, such as 0,2") from None
