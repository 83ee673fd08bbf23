"""How the benchmarks measure: medians of runs in turn, and the largest memory of a process of its own."""

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median


def ratio(ours: Callable[[], object], floor: Callable[[], object], repeats: int = 9) -> tuple[float, float, float]:
    """Return seconds of ours, of the floor, and the median of the ratios of runs in turn."""
    times: list[tuple[float, float]] = []
    for _ in range(repeats):
        pair = []
        for run in (ours, floor):
            start = time.perf_counter()
            run()
            pair.append(time.perf_counter() - start)
        times.append((pair[0], pair[1]))
    return median(a for a, _ in times), median(b for _, b in times), median(a / b for a, b in times)


def report(what: str, measured: tuple[float, float, float], allowed: float) -> None:
    """Print one line: what, both times, their ratio and the ratio to reach."""
    ours, floor, times = measured
    print(f"{what:58} {ours * 1e3:10.3f} ms  floor {floor * 1e3:10.3f} ms  ratio {times:5.2f}  (to reach: {allowed})")


def peak_of(code: str) -> float:
    """Run Python code in a process of its own and return its peak memory in MB (Linux).

    VmHWM begins anew with the process; ru_maxrss would begin with the memory of ours.
    """
    tail = "\nprint(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))"
    run = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True)
    return int(run.stdout.split()[-1]) * 1024 / 1e6
