"""Report the memory, the CPU time and the open files of a worker as metrics."""

import os
import platform
import re
import time
from importlib.metadata import version
from pathlib import Path

from app.observe.metrics import Metrics

PROC = Path("/proc/self")  # of Linux; elsewhere only the CPU time is known
MEMORY = {  # metric, by the line of the kernel that it is read from
    "VmRSS": "process_resident_memory_bytes",
    "RssAnon": "process_private_memory_bytes",
}


def report_build(metrics: Metrics) -> None:
    """Set the metric whose labels are the versions of what runs."""
    metrics.set("build_info", 1.0, version("recfunnel"), platform.python_version())


class ProcessMetrics:
    """Sets the metrics of the process of one worker. One lives in each worker."""

    def __init__(self, metrics: Metrics, proc: Path = PROC) -> None:
        self._metrics = metrics
        self._proc = proc
        self._worker = str(os.getpid())
        self._cpu_seconds = 0.0  # that were counted
        metrics.set("process_start_time_seconds", time.time(), self._worker)

    def report(self) -> None:
        """Set the metrics as of now."""
        seconds = time.process_time()
        self._metrics.count("process_cpu_seconds", n=seconds - self._cpu_seconds)
        self._cpu_seconds = seconds
        try:
            status = (self._proc / "status").read_text("ascii", "replace")
            n_files = sum(1 for _ in (self._proc / "fd").iterdir())
        except OSError:  # another system than Linux
            return
        self._metrics.set("process_open_files", n_files, self._worker)
        for name, kilobytes in re.findall(r"^(\w+):\s+(\d+) kB$", status, flags=re.MULTILINE):
            if name in MEMORY:
                self._metrics.set(MEMORY[name], 1_024.0 * int(kilobytes), self._worker)
