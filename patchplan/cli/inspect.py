"""`patchplan inspect`: what a plan covers, or how images are read."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from patchplan.cli.boundary import CHECK_FAILED, reported
from patchplan.cli.progress import progress_bars
from patchplan.cli.render import say
from patchplan.cli.values import per_axis
from patchplan.errors import ConfigError
from patchplan.pictures.words import MapValue

EXAMPLE = "Example: patchplan inspect plan.parquet --require-partition --require-full-coverage"
PLAN_SUFFIXES = (".parquet", ".csv", ".json")
REQUIRE, COST, READING, OUTPUT = "Requirements (exit code 1)", "Cost", "Reading images (as for plan)", "Output"
PICTURES = "Pictures"


@reported
def inspect(
    inputs: Annotated[
        list[str], typer.Argument(metavar="PLAN|IMAGE", help="A plan (.parquet, .csv, .json), or images.")
    ],
    require_partition: Annotated[
        bool,
        typer.Option(
            "--require-partition", help="Kept parts of tiles must partition each image.", rich_help_panel=REQUIRE
        ),
    ] = False,
    require_full_coverage: Annotated[
        bool, typer.Option("--require-full-coverage", help="Every pixel must be read.", rich_help_panel=REQUIRE)
    ] = False,
    max_uncovered: Annotated[
        float | None,
        typer.Option(metavar="F", help="Fraction (0 to 1) of each image that may be unread.", rich_help_panel=REQUIRE),
    ] = None,
    require_no_leak: Annotated[
        bool,
        typer.Option("--require-no-leak", help="No pixel may be in two splits.", rich_help_panel=REQUIRE),
    ] = False,
    context: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Pixels around a patch that its split sees: 16, or 8,16,16.", rich_help_panel=REQUIRE
        ),
    ] = None,
    cost: Annotated[
        bool, typer.Option("--cost", help="Tell what reading all patches costs.", rich_help_panel=COST)
    ] = False,
    cache: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Decoded chunks that a reader keeps (1GB); 0: none.", rich_help_panel=COST),
    ] = None,
    png: Annotated[
        str | None, typer.Option(metavar="FILE", help="Draw maps of visits.", rich_help_panel=PICTURES)
    ] = None,
    png_value: Annotated[
        MapValue | None,
        typer.Option(help="What a picture pixel shows of those it covers (mean).", rich_help_panel=PICTURES),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a page to look around in, offline.", rich_help_panel=PICTURES),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace these files.", rich_help_panel=PICTURES)
    ] = False,
    root: Annotated[str | None, typer.Option(metavar="DIR", help="Folder that paths in the plan start from.")] = None,
    axes: Annotated[
        str | None, typer.Option(metavar="LETTERS", help="Axes, such as ZYX.", rich_help_panel=READING)
    ] = None,
    series: Annotated[int | None, typer.Option(metavar="N", help="TIFF series.", rich_help_panel=READING)] = None,
    level: Annotated[int | None, typer.Option(metavar="N", help="Pyramid level.", rich_help_panel=READING)] = None,
    array: Annotated[
        str | None, typer.Option(metavar="PATH", help="Array inside a Zarr store.", rich_help_panel=READING)
    ] = None,
    z_as_samples: Annotated[
        bool, typer.Option("--z-as-samples", help="Count Z slices as 2-D images.", rich_help_panel=READING)
    ] = False,
    skip_broken: Annotated[
        bool,
        typer.Option("--skip-broken", help="Leave out files that cannot be opened.", rich_help_panel=READING),
    ] = False,
    max_boxes: Annotated[
        int | None,
        typer.Option(
            metavar="K", help="Boxes to list per image: uncovered, gaps, doubles, leaks (20).", rich_help_panel=OUTPUT
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=OUTPUT)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.", rich_help_panel=OUTPUT)] = False,
) -> None:
    """Tell what a plan covers, exactly; or how images are read."""
    reading: dict[str, Any] = {
        "axes": axes,
        "series": series,
        "level": level,
        "array": array,
        "z_as_samples": z_as_samples,
        "skip_broken": skip_broken,
    }
    required: dict[str, Any] = {
        "require_partition": require_partition,
        "require_full_coverage": require_full_coverage,
        "max_uncovered": max_uncovered,
        "require_no_leak": require_no_leak,
    }
    counting: dict[str, Any] = {"root": root, "max_boxes": max_boxes, "context": context, "cost": cost, "cache": cache}
    pictures: dict[str, Any] = {"png": png, "png_value": png_value, "html": html, "overwrite": overwrite}
    plan = _plan_among(inputs)
    if plan is None:
        _refuse({**required, **counting, **pictures}, "plans")
        _inspect_images(inputs, reading, as_json=as_json, quiet=quiet)
    else:
        _refuse(reading, "images")
        counting["context"] = 0 if context is None and require_no_leak else per_axis("context", context)
        counting |= pictures
        counting = {name: value for name, value in counting.items() if value is not None}
        _inspect_plan(plan, counting, required, as_json=as_json, quiet=quiet)


def _plan_among(inputs: Sequence[str]) -> str | None:
    """Return the plan, or None where all are images; told apart by suffix."""
    plans = [name for name in inputs if name.lower().endswith(PLAN_SUFFIXES)]
    if not plans:
        return None
    images = [name for name in inputs if name not in plans]
    if images:
        raise ConfigError(f"found a plan ({plans[0]}) and an image ({images[0]}); allowed: one plan, or images")
    if len(plans) > 1:
        raise ConfigError(f"found {len(plans)} plans ({plans[0]}, {plans[1]}, ...); allowed: one plan at a time")
    return plans[0]


def _refuse(options: dict[str, object], about: str) -> None:
    """Refuse options that have nothing to say here."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise ConfigError(f"--{name.replace('_', '-')}: allowed for {about} only")


def _inspect_images(inputs: Sequence[str], reading: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    from patchplan import api
    from patchplan.cli.inspected import show_images

    with progress_bars(quiet=quiet) as progress:
        result = api.inspect_images(inputs, progress=progress, **reading)
    if not quiet:
        for reason in result.skipped:
            say(f"left out: {reason}", "warning")
        for image in result.images:
            for note in image.notes:
                say(f"{image.uri}: {note}", "note")
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    elif not quiet:
        show_images(result)


def _inspect_plan(plan: str, counting: dict[str, Any], required: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    from patchplan import api
    from patchplan.cli.inspected import show_coverage
    from patchplan.coverage.require import check_fraction, failures

    check_fraction(required["max_uncovered"])
    with progress_bars(quiet=quiet) as progress:
        result = api.inspect(plan, progress=progress, **counting)
    failed = failures(result, **required)
    if not quiet:
        for finding in result.findings:
            say(finding, "warning")
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    elif not quiet:
        show_coverage(result)
    for line in failed:
        typer.secho("failed: ", err=True, fg="red", bold=True, nl=False)
        typer.echo(line, err=True)
    if failed:
        raise typer.Exit(CHECK_FAILED)
