"""The metrics of processes, and how those of several workers are added up."""

import re
import time

import pytest

from app.observe.metrics import Metrics
from app.observe.process_metrics import ProcessMetrics, report_build

STATUS = "Name:\tpython\nVmRSS:\t  300 kB\nRssAnon:\t  100 kB\nRssFile:\t 200 kB\nThreads:\t3\n"


@pytest.fixture
def proc(tmp_path):
    """What Linux says of a process with two open files."""
    (tmp_path / "status").write_text(STATUS)
    for name in ("0", "1"):
        (tmp_path / "fd" / name).mkdir(parents=True)
    return tmp_path


def value(metrics, name):
    text = metrics.scrape().decode()
    return [float(number) for number in re.findall(rf"^recfunnel_{name}\S* (\S+)$", text, re.M)]


def test_a_worker_has_its_memory_its_files_and_its_cpu_time(proc):
    metrics = Metrics()
    process = ProcessMetrics(metrics, proc)
    process.report()
    process.report()
    assert value(metrics, "process_resident_memory_bytes") == [300 * 1024]
    assert value(metrics, "process_private_memory_bytes") == [100 * 1024]
    assert value(metrics, "process_open_files") == [2]
    assert 0 < value(metrics, "process_cpu_seconds_total")[0] <= time.process_time()
    assert value(metrics, "process_start_time_seconds")[0] > 1e9


def test_elsewhere_than_on_linux_the_cpu_time_is_known(tmp_path):
    metrics = Metrics()
    ProcessMetrics(metrics, tmp_path / "absent").report()
    assert value(metrics, "process_cpu_seconds_total")[0] > 0
    assert value(metrics, "process_open_files") == []


def test_the_cpu_time_of_all_workers_is_added_up_and_memory_stays_apart(tmp_path, proc):
    here, other = Metrics(tmp_path), Metrics(tmp_path)
    ProcessMetrics(here, proc).report()
    once = value(here, "process_cpu_seconds_total")[0]
    other.count("process_cpu_seconds", n=1000.0)
    other.set("process_open_files", 5, "1")
    other.share()
    assert value(here, "process_cpu_seconds_total")[0] == once + 1000
    assert sorted(value(here, "process_open_files")) == [2, 5]


def test_the_versions_are_labels():
    metrics = Metrics()
    report_build(metrics)
    assert re.search(
        r'recfunnel_build_info\{.*version="\d+\.\d+.*"\} 1.0', metrics.scrape().decode()
    )
