"""A process of its own for a training or an examination of the data, with low priority."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO

END_SECONDS = 4.0  # for the process to end when the one that started it ends
NICENESS = 10  # requests come first


class ChildProcess:
    """A process that ends when the one that started it ends."""

    def __init__(
        self,
        command: Sequence[str],
        output: IO[bytes],
        errors: IO[bytes] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Start a process.

        Args:
            command: the program and its arguments.
            output: a file for what it prints.
            errors: a file for what it prints as errors; None: the same.
            pass_fds: descriptors that it inherits.

        Raises:
            OSError: it cannot be started.
        """
        self.was_terminated = False  # by the one that started it
        self._process = subprocess.Popen(  # noqa: S603 - the command is ours
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors or subprocess.STDOUT,
            pass_fds=tuple(pass_fds),
        )
        with suppress(OSError):  # it has ended, or the system does not allow it
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICENESS)

    @property
    def status(self) -> int:
        """Its exit status; negative: the signal that killed it. After ``wait`` alone."""
        return self._process.returncode

    def wait(
        self, ending: threading.Event, is_unwanted: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until the process ends; end it if this process is to end, or nobody wants it."""
        try:
            while self._process.poll() is None:
                if ending.wait(0.1) or is_unwanted():
                    return
        finally:
            if self._process.poll() is None:
                self.was_terminated = True
                self._process.terminate()
                try:
                    self._process.wait(END_SECONDS)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()


def describe_death(status: int) -> str:
    """Return why a process that has said nothing ended."""
    if status >= 0:
        return f"the process ended with status {status}"
    name = signal.Signals(-status).name
    remark = ", as a system without memory does" if -status == signal.SIGKILL else ""
    return f"the process was killed by {name}{remark}"
