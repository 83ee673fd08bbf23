"""`python -m patchplan.cli.reference [FILE...]`: the reference of all commands, printed or put into Markdown files."""

import re
import sys
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import typer.core
import typer.main

from patchplan.cli.app import app
from patchplan.cli.boundary import BAD_INPUT, CHECK_FAILED, INTERRUPTED, PIPE_CLOSED
from patchplan.errors import ConfigError, PatchplanError

BEGIN = "<!-- reference: begin -->"
END = "<!-- reference: end -->"
VALUES = {int: "N", float: "F"}
"""What follows an option that says neither a metavar nor choices."""


def reference() -> str:
    """Return Markdown: for each command what it does, its arguments, a table of its options; then the exit codes."""
    group = cast(typer.core.TyperGroup, typer.main.get_command(app))
    commands = [_command(f"patchplan {name}", command) for name, command in group.commands.items()]
    helps = " and ".join(f"`{name}`" for name in group.context_settings["help_option_names"])
    codes = (
        f"Exit codes: 0 done, {CHECK_FAILED} a check failed, {BAD_INPUT} bad usage or input, "
        f"{INTERRUPTED} interrupted, {PIPE_CLOSED} nobody reads the output any more."
    )
    return "\n".join([_command("patchplan", group), f"Every command has {helps}.", "", *commands, codes, ""])


def renewed(text: str, where: str = "text") -> str:
    """Return a text with the reference between its markers.

    Raises
    ------
    ConfigError
        If it has not each marker once, on a line of its own, in this order.
    """
    found = re.findall(f"^(?:{BEGIN}|{END})$", text, re.MULTILINE)
    if found != [BEGIN, END]:
        raise ConfigError(
            f"{where}: found the markers {found}; allowed: one line {BEGIN} and after it one line {END}; "
            "write them where the reference is to stand"
        )
    between = re.compile(f"^{BEGIN}$.*^{END}$", re.MULTILINE | re.DOTALL)
    return between.sub(lambda _: f"{BEGIN}\n\n{reference()}\n{END}", text)


def _command(title: str, command: Any) -> str:
    hints = typing.get_type_hints(command.callback)
    arguments = [one for one in command.params if one.param_type_name == "argument" and not one.hidden]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    lines = [f"### `{title}`", "", _plain(command.help or ""), ""]
    for one in arguments:
        word = one.metavar or one.name.upper()
        word += "..." * (one.nargs == -1 and not word.endswith("..."))
        lines.append("- `{}`: {}".format(word if one.required else f"[{word}]", _explained(one)))
    lines += [""] * bool(arguments)
    if options:
        lines += ["| option | |", "|---|---|", *_rows(options, hints), ""]
    word, _, example = (command.epilog or "").partition(": ")
    if example and word == "Example":
        lines += [f"Example: `{example}`", ""]
    return "\n".join(lines)


def _rows(options: Sequence[Any], hints: dict[str, Any]) -> Iterator[str]:
    """Yield rows in the order of `--help`: options without a panel, then a panel after the other."""
    for panel in dict.fromkeys([None, *(one.rich_help_panel for one in options)]):
        if panel is not None:
            yield f"| **{_plain(panel)}** | |"
        for one in options:
            if one.rich_help_panel == panel:
                yield f"| {_spelled(one, hints[one.name])} | {_explained(one)} |"


def _spelled(option: Any, hint: Any) -> str:
    """Return all names of an option, each as code, the last with what follows it."""
    names = [*option.opts, *option.secondary_opts]
    if not option.is_flag:
        names[-1] += f" {option.metavar or _choices(hint)}"
    return ", ".join("`{}`".format(name.replace("|", r"\|")) for name in names)


def _choices(hint: Any) -> str:
    """Return the words that an annotation allows, or what stands for its values."""
    kinds = [kind for kind in (typing.get_args(hint) or [hint]) if kind is not type(None)]
    words = [word for kind in (hint, *kinds) if typing.get_origin(kind) is Literal for word in typing.get_args(kind)]
    return "|".join(words) or VALUES.get(kinds[0], "TEXT")


def _explained(parameter: Any) -> str:
    """Return the help of a parameter, and its default where that is a value."""
    says = parameter.default is not None and parameter.default is not False and parameter.show_default is not False
    return _plain(parameter.help or "") + (f" Default: `{parameter.default}`." if says else "")


def _plain(text: str) -> str:
    r"""Return a text on one line, so that Markdown shows every character of it.

    Examples
    --------
    >>> print(_plain("zstd[:LEVEL] or data_idx | *.tif"))
    zstd\[:LEVEL\] or data\_idx \| \*.tif
    """
    return re.sub(r"([\\`*_<>\[\]|])", r"\\\1", " ".join(text.split()))


def main(files: Sequence[str]) -> None:
    """Print the reference, or renew it in files."""
    if not files:
        typer.echo(reference(), nl=False)
    for name in files:
        path = Path(name)
        path.write_text(renewed(path.read_text(encoding="utf-8"), name), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (PatchplanError, OSError) as wrong:
        sys.exit(f"error: {wrong}")
