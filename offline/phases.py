"""The phases of a job: how long each takes, and how much memory."""

import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from offline.report.report_figures import PhaseTime


@dataclass(slots=True)
class PhaseTimer:
    """Reports the start of each phase to a progress bar, and measures how long it takes."""

    on_begin: Callable[[str], None] = lambda _phase: None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)  # of all processes, until its end

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Time the phase that runs in the block."""
        self.on_begin(phase)
        began = perf_counter()
        yield
        self.seconds[phase] = self.seconds.get(phase, 0.0) + perf_counter() - began
        self.peak_bytes[phase] = peak_memory()

    def add_memory(self, phase: str, others: int) -> None:
        """Add the highest memory of other processes, in bytes, to that of a phase that ended."""
        self.peak_bytes[phase] += others

    @property
    def timings(self) -> list[PhaseTime]:
        """The phases so far, in the order they began."""
        return [
            PhaseTime(phase=phase, seconds=took, peak_bytes=self.peak_bytes[phase])
            for phase, took in self.seconds.items()
        ]


def peak_memory() -> int:
    """Return the highest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1_024 * peak
