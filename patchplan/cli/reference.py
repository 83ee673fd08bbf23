"""The README's reference of commands and options; `python -m patchplan.cli.reference README.md` renews it."""

import inspect
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from typer.models import ArgumentInfo, OptionInfo

from patchplan.cli.app import app

BEGIN = "<!-- written by python -m patchplan.cli.reference README.md -->\n"
END = "<!-- end of what is written by it -->\n"


def renewed(text: str) -> str:
    """Return a text with the reference of today between its markers."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{reference()}\n{END}{rest.split(END)[1]}"


def reference() -> str:
    """Return Markdown: for each command what it does, its arguments and options, an example."""
    return "\n".join(
        _command(str(command.name), command.callback, str(command.epilog))
        for command in app.registered_commands
        if command.callback is not None
    )


def _command(name: str, command: Callable[..., Any], example: str) -> str:
    panels: dict[str | None, list[str]] = {None: []}
    for one, spelling, default in _parameters(command):
        panels.setdefault(one.rich_help_panel, []).append(_row(spelling, f"{one.help}{default}"))
    rows = panels.pop(None)
    for panel, more in panels.items():
        rows += [_row(f"**{panel}**", ""), *more]
    table = ["| | |", "|---|---|", *rows, ""] if rows else []
    example = f"Example: `{example.removeprefix('Example: ')}`"
    return "\n".join([f"### `patchplan {name}`", "", inspect.getdoc(command) or "", "", *table, example, ""])


def _row(spelling: str, text: str) -> str:
    return "| {} | {} |".format(*(cell.replace("|", r"\|") for cell in (spelling, text)))


def _parameters(command: Callable[..., Any]) -> Iterator[tuple[ArgumentInfo | OptionInfo, str, str]]:
    """Yield what typer knows of each parameter, how it is written, and its default."""
    hints = typing.get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        no_default = parameter.default is parameter.empty or parameter.default is None or parameter.default is False
        default = "" if no_default else f" (default: {parameter.default})"
        for one in getattr(hints[name], "__metadata__", ()):
            if isinstance(one, OptionInfo):
                yield one, _option(name, one, typing.get_args(hints[name])[0]), default
            elif isinstance(one, ArgumentInfo):
                yield one, f"`{one.metavar}`", default


def _option(name: str, option: OptionInfo, hint: Any) -> str:
    """Return all spellings of an option, the last with what follows it."""
    # typer takes the first spelling for the default, as which it stands where there is no `Annotated`
    spellings = [one for one in (option.default, *(option.param_decls or ())) if isinstance(one, str)]
    spellings = spellings or [f"--{name.replace('_', '-')}"]
    kind = next((one for one in typing.get_args(hint) if typing.get_origin(one) is typing.Literal), hint)
    if typing.get_origin(kind) is typing.Literal:
        spellings[-1] += " " + "|".join(typing.get_args(kind))
    elif kind is not bool:
        spellings[-1] += f" {option.metavar or 'N'}"
    return ", ".join(f"`{spelling}`" for spelling in spellings)


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
