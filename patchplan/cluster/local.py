"""Worker processes on this machine, as long as a run takes."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patchplan.cluster.dask import LOCAL, LOG, DaskCluster
from patchplan.cluster.interrupts import uninterrupted
from patchplan.cluster.session import DaskSession

if TYPE_CHECKING:
    from distributed import Client


class LocalProcesses:
    """Processes of a thread each, that are started for a session and end with it."""

    on_this_machine = True

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def threads(self) -> int:
        """Return 1."""
        return 1

    @contextmanager
    def session(
        self, opener: str, brief: dict[str, Any], paths: Sequence[str], disk: Path | None = None
    ) -> Iterator[DaskSession]:
        """Start processes for a run; whatever happens, none is left behind."""
        temporary = tempfile.TemporaryDirectory(prefix="patchplan-workers-", ignore_cleanup_errors=True)
        with temporary as folder, self._client(folder) as client:
            LOG.info("%d worker processes on this machine, dashboard: %s", self._workers, client.dashboard_link)
            with DaskCluster(client, LOCAL, on_this_machine=True).session(opener, brief, paths, disk) as session:
                yield session

    @contextmanager
    def _client(self, folder: str) -> Iterator["Client"]:
        from distributed import Client, LocalCluster

        from patchplan.cluster.nannies import QuietNanny

        with ExitStack() as started:
            try:
                with uninterrupted():
                    cluster = LocalCluster(
                        n_workers=self._workers,
                        threads_per_worker=1,
                        worker_class=QuietNanny,
                        memory_limit=0,  # blocks keep to --memory by themselves
                        dashboard_address="127.0.0.1:0",
                        local_directory=folder,
                        silence_logs=logging.CRITICAL,
                    )
                    started.enter_context(cluster)
                    client = started.enter_context(Client(cluster, set_as_default=False))
                yield client
            finally:
                with uninterrupted():
                    started.close()
