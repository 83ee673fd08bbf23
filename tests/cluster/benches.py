"""Benches that workers open in tests."""

import os
import signal
import time
from typing import Any


class Bench:
    """Does what a piece says."""

    def __init__(self, brief: dict[str, Any], threads: int) -> None:
        self.brief, self.threads = brief, threads

    def do(self, message: dict[str, Any], numbers: Any) -> Any:
        """Kill this process, wait, raise, or count."""
        if message.get("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if "full" in message:
            raise OSError(28, "No space left on device")
        time.sleep(message.get("seconds", 0))
        return [message["n"], self.brief["offset"], None if numbers is None else int(numbers.sum()), os.getpid()]

    def close(self) -> None:
        """Nothing is open."""


def broken(brief: dict[str, Any], threads: int) -> Bench:
    """Fail to open."""
    raise ValueError(f"cannot be opened with {threads} threads: {brief}")
