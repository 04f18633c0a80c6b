"""`Pace`: when the next request may start, for all threads that ask one endpoint."""

import threading
import time


class Pace:
    """Spaces requests evenly and holds all of them back where the endpoint asks for it.

    Args:
        per_minute: requests a minute at most; None knows no limit.
    """

    def __init__(self, per_minute: float | None = None) -> None:
        self._spacing = 60 / per_minute if per_minute else 0.0  # seconds
        self._lock = threading.Lock()
        self._next = 0.0  # on the monotonic clock

    def wait(self, stopped: threading.Event) -> None:
        """Return when this thread's turn has come, or `stopped` is set."""
        with self._lock:
            start = max(self._next, time.monotonic())
            self._next = start + self._spacing
        stopped.wait(max(0.0, start - time.monotonic()))

    def hold(self, seconds: float) -> None:
        """Let nobody start for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
