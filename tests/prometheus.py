"""A real Prometheus that scrapes a service, and answers queries."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

from app.observe.metric_families import FAMILIES
from tests.serving import free_port, http_client, until

SCRAPE_INTERVAL = "500ms"  # also the limit of a scrape, which a busy machine must keep


SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}


def exported() -> set[str]:
    """The name of every series that the service can export."""
    return {f"recfunnel_{one.name}{end}" for one in FAMILIES for end in SUFFIXES[one.kind]}


def find_program(name: str) -> str:
    """The path of a program of Prometheus; skip, or fail if it is required and absent."""
    path = shutil.which(name)
    if path is None:
        missing = f"{name} is not on the PATH: it is in the package prometheus of Debian"
        (pytest.fail if "REQUIRE_PROMETHEUS" in os.environ else pytest.skip)(missing)
    return str(path)


@dataclass
class Prometheus:
    """A running server."""

    client: httpx.Client

    def get(self, path: str, **params: object) -> list:
        """The result of a call of its API; fail with its message if it does not accept it."""
        answer = self.client.get(f"/api/v1/{path}", params=params).json()
        assert answer["status"] == "success", (params, answer.get("error"))
        return answer["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The labels and the value of each series that an expression gives now."""
        result = self.get("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def await_scrapes(self, n: int) -> None:
        """Wait until every target has answered n more scrapes."""
        count = "min(sum_over_time(up[5m]))"

        def scraped() -> float:
            return sum(value for _, value in self.query(count))

        before = scraped()
        until(lambda: scraped() >= before + n)


@contextmanager
def scraping(folder: Path, targets: Sequence[str]) -> Iterator[Prometheus]:
    """Run a server in a folder that scrapes these addresses often."""
    scrape = {
        "job_name": "recfunnel",
        "scrape_interval": SCRAPE_INTERVAL,
        "scrape_timeout": SCRAPE_INTERVAL,
        "static_configs": [{"targets": list(targets)}],
    }
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump({"scrape_configs": [scrape]}))
    port = free_port()
    command = [
        find_program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(httpx.TransportError):
            return client.get("/-/ready").is_success
        return False

    with http_client(f"http://127.0.0.1:{port}") as client:
        try:
            until(is_ready)
            yield Prometheus(client)
        finally:
            process.kill()
            process.wait(5)
