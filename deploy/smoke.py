"""Checks that all parts of a running composition work together. Standard library only."""

import base64
import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

K = 10  # items of a list
LISTS = 3  # requests for a list that the checks send
TIMEOUT = 45.0  # seconds for all checks; Prometheus scrapes every 5
MIN_SECONDS = 2.0  # for each check, whatever the checks before took
UNAUTHORISED = 401
PAUSE = 1.0  # seconds between two tries


def read_secret(service: str, file: str) -> str:
    """Return a secret that the composition has made, from a file of one of its containers."""
    listing = ["docker", "ps", "-q", "--filter", f"label=com.docker.compose.service={service}"]
    containers = subprocess.run(listing, capture_output=True, text=True, check=True)  # noqa: S603
    container = containers.stdout.split()[0]
    reading = ["docker", "exec", container, "cat", file]
    return subprocess.run(reading, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def fetch(url: str, body: object = None, *, user: str = "", key: str = "") -> Any:
    """Return the JSON of an address; a ``body`` is sent with POST."""
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())  # noqa: S310
    request.add_header("Content-Type", "application/json")
    if key:
        request.add_header("X-API-Key", key)
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our addresses
        return json.loads(response.read() or b"null")


def refuses(url: str) -> bool:
    """Return whether an address answers that a key is needed."""
    try:
        fetch(url)
    except urllib.error.HTTPError as error:
        return error.code == UNAUTHORISED
    return False


@dataclass(frozen=True)
class Composition:
    """The addresses of the parts, and one check for each of them."""

    app: str = "http://127.0.0.1:8000"
    prometheus: str = "http://127.0.0.1:9090"
    grafana: str = "http://127.0.0.1:3000"
    key: str = ""  # of the API
    grafana_password: str = ""

    def checks(self) -> Sequence[Callable[[], object]]:
        """Return all checks in their order. The docstring of a check is its message."""
        return (
            *(self.is_ready, self.is_guarded, self.returns_a_list, self.follows_events),
            *(self.is_scraped, self.is_measured, self.has_rules, self.has_dashboard),
            self.can_train,
        )

    def is_ready(self) -> object:
        """The service reports that it is ready."""
        return fetch(f"{self.app}/readyz") or True

    def is_guarded(self) -> object:
        """Without a key the service refuses a list and its metrics."""
        return all(refuses(f"{self.app}{path}") for path in ("/recommend?user_id=1", "/metrics"))

    def returns_a_list(self) -> object:
        """User 196 gets ten distinct items, and no stage is missing."""
        slate = fetch(f"{self.app}/recommend?user_id=196&k={K}", key=self.key)
        return len({item["item_id"] for item in slate["items"]}) == K and not slate["degraded"]

    def follows_events(self) -> object:
        """An event is acknowledged, and the liked item is not recommended again."""
        address = f"{self.app}/recommend?user_id=smoke&k={K}"
        first = fetch(address, key=self.key)["items"][0]["item_id"]
        event = {"user_id": "smoke", "item_id": first, "type": "like"}
        fetch(f"{self.app}/events", event, key=self.key)
        return first not in {item["item_id"] for item in fetch(address, key=self.key)["items"]}

    def is_scraped(self) -> object:
        """Prometheus reaches the service."""
        return self._value('up{job="recfunnel"}') == 1

    def is_measured(self) -> object:
        """Prometheus has counted the requests above, and the workers of the bundle."""
        count = self._value('sum(recfunnel_request_seconds_count{route="/recommend",status="200"})')
        return count >= LISTS and self._value("sum(recfunnel_bundle_workers)") >= 1

    def has_rules(self) -> object:
        """Prometheus has loaded the alerts, and all of them are healthy."""
        groups = fetch(f"{self.prometheus}/api/v1/rules")["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return bool(rules) and all(rule["health"] == "ok" for rule in rules)

    def has_dashboard(self) -> object:
        """Grafana is healthy, with the data source and the dashboard provisioned."""
        admin = f"admin:{self.grafana_password}"
        is_healthy = fetch(f"{self.grafana}/api/health")["database"] == "ok"
        sources = fetch(f"{self.grafana}/api/datasources", user=admin)
        board = fetch(f"{self.grafana}/api/dashboards/uid/recfunnel", user=admin)
        has_source = "prometheus" in {source["uid"] for source in sources}
        return is_healthy and has_source and bool(board["dashboard"]["panels"])

    def can_train(self) -> object:
        """A process trains by schedule, and takes the requests of the service."""
        trainings = fetch(f"{self.app}/trainings", key=self.key)
        return bool(trainings["schedule"]) and trainings["unavailable"] is None

    def _value(self, query: str) -> float:
        address = f"{self.prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        result = fetch(address)["data"]["result"]
        return float(result[0]["value"][1]) if result else -1.0


def try_until(check: Callable[[], object], until: float, pause: float = PAUSE) -> str:
    """Try ``check`` until it holds or time is up; return the last problem, empty if it holds."""
    while True:
        try:
            if check():
                return ""
            problem = "does not hold"
        except (OSError, KeyError, ValueError, IndexError) as error:
            problem = f"{type(error).__name__}: {error}"
        if time.monotonic() >= until:
            return problem
        time.sleep(pause)


def run_checks(
    composition: Composition, timeout: float = TIMEOUT, min_seconds: float = MIN_SECONDS
) -> int:
    """Run the checks in order; return 1 when one of them does not hold in time."""
    failed = 0
    until = time.monotonic() + timeout
    for check in composition.checks():
        problem = try_until(check, max(until, time.monotonic() + min_seconds))
        sys.stdout.write(f"{'FAIL' if problem else 'ok  '} {check.__doc__} {problem}\n")
        failed += bool(problem)
    return 1 if failed else 0


if __name__ == "__main__":
    key = read_secret("app", "/secrets/app/admin.key")
    password = read_secret("grafana", "/secrets/grafana/password")
    sys.exit(run_checks(Composition(key=key, grafana_password=password)))
