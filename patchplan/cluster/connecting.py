"""A cluster by its address, on this machine, or as a client that is there already."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from patchplan.cluster.dask import LOCAL, LOG, DaskCluster
from patchplan.cluster.local import LocalProcesses
from patchplan.cluster.protocol import Cluster
from patchplan.cluster.quiet import quiet
from patchplan.errors import ClusterError, ConfigError, MissingExtraError

if TYPE_CHECKING:
    from distributed import Client

SECONDS = 10
"""How long a scheduler may take to answer."""


@contextmanager
def connect(scheduler: Any, *, workers: int, paths: Sequence[str]) -> Iterator[Cluster | None]:
    """Yield a cluster whose workers see some paths; None where there is no scheduler.

    Parameters
    ----------
    scheduler : str, distributed.Client or None
        Address of a scheduler, `local` for worker processes on this machine, or a client, which stays open.
    workers : int
        Worker processes of a local cluster, which are started when a session begins.
    paths : sequence of str
        What each worker that is there must see; those that come later look when they begin.

    Raises
    ------
    ConfigError
        If it is something else.
    MissingExtraError
        If distributed is not installed.
    ClusterError
        If nothing answers, or a worker cannot take part.
    """
    if scheduler is None:
        yield None
        return
    check_installed()
    with ExitStack() as stack:
        stack.enter_context(quiet())
        if scheduler == LOCAL:
            yield LocalProcesses(workers)
            return
        cluster = stack.enter_context(_remote(scheduler))
        cluster.check(paths)
        yield cluster


def check_installed() -> None:
    """Raise MissingExtraError unless distributed is there."""
    try:
        import distributed  # noqa: F401 - is it there?
    except ImportError:
        raise MissingExtraError("--scheduler needs dask.distributed", "dask") from None


@contextmanager
def _remote(scheduler: Any) -> Iterator[DaskCluster]:
    from distributed import Client

    if isinstance(scheduler, Client):
        if scheduler.asynchronous:
            raise ConfigError("--scheduler: found an asynchronous client; allowed: one that waits, Client(ADDRESS)")
        yield DaskCluster(scheduler, _address(scheduler), on_this_machine=_is_local(scheduler))
        return
    if not isinstance(scheduler, str) or not scheduler:
        raise ConfigError(
            f"--scheduler: found {scheduler!r}; allowed: the address of a scheduler such as tcp://HOST:8786, "
            "'local', or in Python a distributed.Client"
        )
    client = Client.__new__(Client)
    try:
        client.__init__(scheduler, timeout=SECONDS, set_as_default=False)
    except Exception as error:  # of any library for a kind of address
        client.status = "closed"  # else it would wait for the end of what never began
        raise ClusterError(
            f"--scheduler {scheduler}: no scheduler answered there ({_first_line(error)}); allowed: "
            "the address that dask scheduler prints, such as tcp://HOST:8786, or 'local'"
        ) from None
    with client:
        with suppress(Exception):  # a dashboard is not needed
            LOG.info("scheduler %s, dashboard: %s", scheduler, client.dashboard_link)
        yield DaskCluster(client, scheduler, on_this_machine=False)


def _address(client: "Client") -> str:
    return str(client.scheduler.address) if client.scheduler is not None else "of the client"


def _is_local(client: "Client") -> bool:
    from distributed import LocalCluster

    return isinstance(client.cluster, LocalCluster)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
