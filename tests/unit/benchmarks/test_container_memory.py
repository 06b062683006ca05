"""Whether containers keep their limits, from what docker prints."""

import io
from dataclasses import replace

import orjson
from rich.console import Console

from benchmarks.container_memory import ContainerMemory, parse_usage, show

MIB = 2**20
APP = ContainerMemory("app", 600.0 * MIB, 1024.0 * MIB)


def test_what_docker_prints_is_read():
    lines = [
        {"Name": "one-app-1", "MemUsage": "512.5MiB / 1GiB"},
        {"Name": "one-redis-1", "MemUsage": "900KiB / 768MiB"},
        {"Name": "one-secrets-1", "MemUsage": "0B / 0B"},
    ]
    usage = parse_usage("\n".join(orjson.dumps(line).decode() for line in lines))
    assert usage == {
        "one-app-1": (512.5 * MIB, 2**30),
        "one-redis-1": (900 * 2**10, 768 * MIB),
        "one-secrets-1": (0, 0),
    }


def test_a_container_that_was_ended_or_is_near_its_limit_fails():
    console = Console(file=io.StringIO(), width=100)
    assert show([APP], console)
    assert "59%" in console.file.getvalue()
    assert not show([], console)
    assert not show([APP, replace(APP, peak=950.0 * MIB)], console)
    assert not show([replace(APP, restarts=1)], console)
    assert not show([replace(APP, was_killed=True)], console)
    assert "TOO MUCH" in console.file.getvalue()
