"""Pieces on workers: each is done, a few at a time, whoever dies."""

import asyncio
import gc
import logging
import os
import signal
import time
import warnings

import numpy as np
import pytest

from patchplan.cluster import Piece, versions
from patchplan.cluster import session as sessions
from patchplan.cluster.connecting import connect
from patchplan.cluster.dask import DaskCluster
from patchplan.cluster.quiet import LOGGERS, quiet
from patchplan.errors import ClusterError, ConfigError, MissingExtraError
from tests.cluster.serving import serving

BENCH = "tests.cluster.benches:Bench"


def pieces(n, **more):
    return [Piece(k, {"n": k, **more}, f"piece {k}") for k in range(n)]


@pytest.fixture
def cluster(client):
    with connect(client, workers=1, paths=[]) as found:
        yield found


def do(cluster, todo, **options):
    with cluster.session(BENCH, {"offset": 5}, []) as session:
        return list(session.do(todo, at_once=1, **options))


def test_every_piece_is_done_once(cluster):
    numbers = np.arange(4)
    found = do(cluster, [*pieces(30), Piece(30, {"n": 30}, "with numbers", numbers)])
    assert sorted(item for item, _ in found) == list(range(31))
    assert all(result[:2] == [item, 5] for item, result in found)
    assert dict(found)[30][2] == 6
    assert len({result[3] for _, result in found}) == 2, "both workers take part"


def test_pieces_are_asked_for_a_few_at_a_time(cluster):
    taken, most = 0, 0

    def counted():
        nonlocal taken
        for one in pieces(60):
            taken += 1
            yield one

    with cluster.session(BENCH, {"offset": 0}, []) as session:
        for done, _ in enumerate(session.do(counted(), at_once=1)):
            most = max(most, taken - done)
    assert taken == 60
    assert most <= sessions.AHEAD * 2


def test_nothing_is_left_on_scheduler_and_workers(cluster, client):
    do(cluster, pieces(5))
    assert set(client.run(_open_runs).values()) == {0}
    until = time.monotonic() + 10
    while any(client.has_what().values()) and time.monotonic() < until:
        time.sleep(0.02)  # what is let go is told a little later
    assert not any(client.has_what().values())


def _open_runs():
    from patchplan.cluster import worker

    return len(worker._runs)


def test_workers_that_die_are_done_without(cluster):
    killed: list[int] = []

    with cluster.session(BENCH, {"offset": 0}, []) as session:
        found = []
        for item, result in session.do(pieces(40, seconds=0.02), at_once=1):
            if not killed:
                killed.append(result[3])
                os.kill(result[3], signal.SIGKILL)
            found.append(item)
    assert sorted(found) == list(range(40))


def test_a_cluster_that_has_no_workers_is_waited_for(tmp_path, caplog):
    with (
        serving(tmp_path, 0) as client,
        caplog.at_level("INFO", "patchplan.cluster"),
        connect(client, workers=1, paths=[]) as cluster,
    ):
        client.cluster.adapt(minimum=0, maximum=2, interval="50ms")
        address, found = client.scheduler.address, do(cluster, pieces(40, seconds=0.05))
    assert sorted(item for item, _ in found) == list(range(40))
    assert [one.getMessage() for one in caplog.records if one.name == "patchplan.cluster"] == [
        f"scheduler {address} has no workers: waiting for some"
    ]


def test_a_piece_that_kills_all_its_workers_is_named_after_the_others_are_done(cluster, client, monkeypatch):
    monkeypatch.setattr(sessions, "ALONE", 1)
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)
    again: list[int] = []
    done: list[int] = []
    todo = [*pieces(3, kill=True)[2:], *pieces(2)]
    with (
        pytest.raises(ClusterError, match="piece 2: all workers that began with it died"),
        cluster.session(BENCH, {"offset": 0}, []) as session,
    ):
        done.extend(item for item, _ in session.do(todo, at_once=1, again=again.append))
    assert sorted(done) == [0, 1]
    assert again.count(2) == 2


def test_errors_of_workers_are_themselves(cluster):
    with pytest.raises(OSError, match="No space left") as caught:
        do(cluster, pieces(20, full=True))
    assert "this happened on worker tcp://" in caught.value.__notes__[0]
    with (
        pytest.raises(ValueError, match="cannot be opened with 1 threads"),
        cluster.session("tests.cluster.benches:broken", {}, []) as session,
    ):
        list(session.do(pieces(1), at_once=1))


def test_workers_need_the_same_versions(client, monkeypatch, cluster):
    other = {**versions.versions(), "tensorstore": "0.0.7"}
    monkeypatch.setattr("patchplan.cluster.dask.versions", lambda: other)
    match = r"worker tcp://\S+ has tensorstore \S+, and tensorstore 0.0.7 is asked for: both decide bytes"
    with pytest.raises(ClusterError, match=match), connect(client, workers=1, paths=[]):
        pass
    monkeypatch.setattr(cluster, "versions", other)
    with pytest.raises(ClusterError, match=match):  # of one that comes later
        do(cluster, pieces(1))


def test_workers_need_to_see_the_files(client, tmp_path):
    missing = str(tmp_path / "elsewhere")
    with (
        pytest.raises(ClusterError, match=r"worker tcp://\S+ does not see .*elsewhere; workers need the same files"),
        connect(client, workers=1, paths=[missing]),
    ):
        pass


@pytest.mark.parametrize(
    "scheduler", ["tcp://127.0.0.1:9", "nonsense://127.0.0.1:9", "no-such-host.invalid:8786", "s.json"]
)
def test_a_scheduler_that_does_not_answer_is_named_at_once(monkeypatch, scheduler):
    monkeypatch.setattr("patchplan.cluster.connecting.SECONDS", 1)
    begun = time.monotonic()
    with (
        pytest.raises(ClusterError, match=rf"--scheduler {scheduler}: no scheduler answered there \("),
        connect(scheduler, workers=1, paths=[]),
    ):
        pass
    gc.collect()  # a client that was never connected must not wait for its end
    assert time.monotonic() - begun < 10


def test_an_asynchronous_client_is_refused(client):
    async def ask() -> None:
        async with type(client)(client.scheduler.address, asynchronous=True, set_as_default=False) as waiting:
            with connect(waiting, workers=1, paths=[]):
                pass

    with pytest.raises(ConfigError, match="--scheduler: found an asynchronous client; allowed: one that waits"):
        asyncio.run(ask())


def test_other_things_are_no_schedulers(monkeypatch):
    with pytest.raises(ConfigError, match="--scheduler: found 3; allowed"), connect(3, workers=1, paths=[]):
        pass
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with (
        pytest.raises(
            MissingExtraError, match=r"--scheduler needs dask.distributed; run: pip install 'patchplan\[dask\]'"
        ),
        connect("local", workers=1, paths=[]),
    ):
        pass


def test_a_worker_without_us_is_known_by_what_is_left_of_its_error():
    lacks_us = DaskCluster.lacks_us
    assert lacks_us(Exception("ModuleNotFoundError(\"No module named 'patchplan'\")"))
    assert lacks_us(ModuleNotFoundError("No module named 'patchplan.cluster'", name="patchplan.cluster"))
    assert not lacks_us(ModuleNotFoundError("No module named 'numpy'", name="numpy"))
    assert not lacks_us(Exception("No module named 'numpy'"))
    assert not lacks_us(None)


def test_what_distributed_says_is_heard_again_when_the_last_of_several_runs_ends():
    before = [logging.getLogger(name).level for name in LOGGERS], list(warnings.filters)
    first, second = quiet(), quiet()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert logging.getLogger("distributed").level == logging.CRITICAL
    second.__exit__(None, None, None)
    assert ([logging.getLogger(name).level for name in LOGGERS], list(warnings.filters)) == before
