"""The application: its commands, its version, its entry point."""

import signal
import sys
from typing import Annotated

import typer

from patchplan.cli import convert, demo, export, extract, inspect, merge, plan, schema, stitch, subset, verify
from patchplan.cli.boundary import BAD_INPUT

app = typer.Typer(
    name="patchplan",
    help="Plan patches and tiles for images of any size.",
    epilog="Start with: patchplan demo. All examples run in its folder, in this order.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("plan", epilog=plan.EXAMPLE)(plan.plan)
app.command("inspect", epilog=inspect.EXAMPLE)(inspect.inspect)
app.command("extract", epilog=extract.EXAMPLE)(extract.extract)
app.command("stitch", epilog=stitch.EXAMPLE)(stitch.stitch)
app.command("verify", epilog=verify.EXAMPLE)(verify.verify)
app.command("export", epilog=export.EXAMPLE)(export.export)
app.command("convert", epilog=convert.EXAMPLE)(convert.convert)
app.command("subset", epilog=subset.EXAMPLE)(subset.subset)
app.command("merge", epilog=merge.EXAMPLE)(merge.merge)
app.command("schema", epilog=schema.EXAMPLE)(schema.schema)
app.command("demo", epilog=demo.EXAMPLE)(demo.demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"patchplan {version('patchplan')}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name must not stop a terminal that lacks its letters
    for name in ("SIGTERM", "SIGHUP"):
        # who told the shell to ignore a signal, as nohup does, means it
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
            signal.signal(getattr(signal, name), _interrupt)
    try:
        app()
    except OSError as error:  # what a command did not catch: help that cannot be written
        sys.stderr.write(f"error: {error.strerror or error}\n")
        sys.exit(BAD_INPUT)


def _interrupt(signum: int, frame: object) -> None:
    """Leave as on Ctrl-C, cleaning up."""
    raise KeyboardInterrupt
