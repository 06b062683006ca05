"""Parts of the job in several processes: the same results in the same order, and clear errors."""

import os
import signal
import time
from pathlib import Path

import pytest

from offline.errors import CommandError
from offline.processes import Processes

LONG = 60.0  # seconds: another process has started by then


def meet(data, item):
    """Return a product, and the process. The first process waits until the other has an item."""
    first, folder, factor = data
    if os.getpid() == first:
        wait_for(folder / "taken")
    else:
        (folder / "taken").touch()
    return factor * item, os.getpid()


def fail_in_another(data, item):
    """Fail in the process that was started; its error comes before the last item is taken."""
    first, folder, _ = data
    if os.getpid() == first:
        wait_for(folder / "taken")
        (folder / str(item)).touch()
        time.sleep(0.1)
    else:
        (folder / "taken").touch()
        raise ValueError(f"no result of {item}")


def end_another(data, _item):
    if os.getpid() != data[0]:
        os.kill(os.getpid(), signal.SIGKILL)


def wait_for(path: Path) -> None:
    end = time.monotonic() + LONG
    while not path.exists():
        assert time.monotonic() < end, "the other process has not started"
        time.sleep(0.01)


@pytest.fixture
def data(tmp_path):
    return os.getpid(), tmp_path, 10


def test_results_are_in_the_order_of_the_items_whichever_process_computed_them(data):
    with Processes(data, 2) as processes:
        results = processes.map(meet, range(6))
    assert [product for product, _ in results] == [0, 10, 20, 30, 40, 50]
    assert len({process for _, process in results}) == 2
    assert processes.peak_bytes > 1_000_000


def test_one_process_starts_no_other(data):
    with Processes(data, 1) as processes:
        assert processes.map(lambda own, item: own[2] * item, (1, 2)) == [10, 20]
    assert processes.peak_bytes == 0


def test_an_error_in_another_process_is_raised_and_the_items_that_wait_are_left(data):
    with Processes(data, 2) as processes, pytest.raises(ValueError, match="no result of"):
        processes.map(fail_in_another, range(200))
    assert not (data[1] / "199").exists()


def test_a_process_that_is_killed_ends_the_training_with_advice(data):
    with Processes(data, 2) as processes, pytest.raises(CommandError, match="--processes 1"):
        processes.map(end_another, range(2))
