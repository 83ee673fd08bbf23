"""The one place where errors become a line and an exit code."""

import functools
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, ParamSpec

import typer

from patchplan.errors import AuditError, PatchplanError

P = ParamSpec("P")
CHECK_FAILED, BAD_INPUT, INTERRUPTED, PIPE_CLOSED = 1, 2, 130, 141


def reported(command: Callable[P, None]) -> Callable[P, None]:
    """Turn our errors and the system's into a message on stderr and exit code 2 (audits: 1); Ctrl-C into 130."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BrokenPipeError:
            sys.stderr.close()  # the reader of our output has gone: nobody is left to tell
            raise typer.Exit(PIPE_CLOSED) from None
        except AuditError as error:
            fail(str(error), "failed", CHECK_FAILED, notes_of(error))
        except (PatchplanError, OSError) as error:
            fail(str(error), notes=notes_of(error))
        except MemoryError as error:
            fail(f"out of memory: {error}".removesuffix(": "), notes=notes_of(error))
        except KeyboardInterrupt as error:
            interrupted(notes_of(error))
        except ImportError as error:
            # libraries in C turn what stops them while they are loaded into an error of their own
            if not isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
                raise
            interrupted(notes_of(error))

    return run


def notes_of(error: BaseException) -> Sequence[str]:
    """Return what was added to an error on its way: how to go on."""
    return getattr(error, "__notes__", ())


def interrupted(notes: Sequence[str] = ()) -> NoReturn:
    """Say so, and how to go on, and leave."""
    typer.secho(f"interrupted: {'; '.join(notes) or 'nothing was written'}", err=True, fg="yellow")
    raise typer.Exit(INTERRUPTED) from None


def fail(message: str, word: str = "error", code: int = BAD_INPUT, notes: Sequence[str] = ()) -> None:
    """Say what is wrong, one line per problem, and leave with an exit code."""
    for line in message.splitlines():
        typer.secho(f"{word}: ", err=True, fg="red", bold=True, nl=False)
        # names of files may hold what a terminal obeys
        typer.echo("".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line), err=True)
    for note in notes:
        typer.secho("note: ", err=True, fg="cyan", nl=False)
        typer.echo(note, err=True)
    raise typer.Exit(code)
