"""End a training on request: by SIGTERM, or because somebody has cancelled it.

The interpreter handles a signal between two steps of Python. A training spends minutes inside
compiled code, so a thread waits beside it and ends the process if that takes too long.
"""

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

CHECK_SECONDS = 0.5  # between two looks whether the training is cancelled
GRACE_SECONDS = 3.0  # for the training to end by itself
EXIT_STATUS = 128 + signal.SIGTERM


@dataclass(slots=True, eq=False)
class _EndWatch:
    """Waits in a thread for a reason to end."""

    is_cancelled: Callable[[], bool]
    before_exit: Callable[[], None]
    signals: int  # the reading end of the pipe that signals are written to
    grace: float  # seconds
    has_ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        waiting = select.poll()  # ``select.select`` takes no descriptor above 1,023
        waiting.register(self.signals, select.POLLIN)
        while not self.has_ended.is_set():
            came = os.read(self.signals, 256) if waiting.poll(CHECK_SECONDS * 1_000) else b""
            is_cancelled = signal.SIGTERM not in came and self.is_cancelled()
            if is_cancelled:
                os.kill(os.getpid(), signal.SIGTERM)
            if is_cancelled or signal.SIGTERM in came:
                if not self.has_ended.wait(self.grace):
                    self.before_exit()
                    os._exit(EXIT_STATUS)
                return


@contextmanager
def ending_on_request(
    is_cancelled: Callable[[], bool],
    before_exit: Callable[[], None],
    grace: float = GRACE_SECONDS,
) -> Iterator[None]:
    """Raise ``SystemExit`` inside the block on SIGTERM, and when it is cancelled.

    Args:
        is_cancelled: looked at regularly, in another thread.
        before_exit: called in another thread before the process is ended without an exception.
        grace: seconds for the block to end after the exception.
    """
    if threading.current_thread() is not threading.main_thread():  # no other one gets signals
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    watch = _EndWatch(is_cancelled, before_exit, reading, grace)
    thread = threading.Thread(target=watch.run, name="training-end", daemon=True)
    before = signal.signal(signal.SIGTERM, _exit)
    pipe_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(pipe_before)
        signal.signal(signal.SIGTERM, before)
        watch.has_ended.set()
        os.write(writing, b"\0")
        thread.join()
        os.close(reading)
        os.close(writing)


def _exit(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(EXIT_STATUS)
