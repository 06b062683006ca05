"""Asks a running composition whether all its parts work together. Standard library only."""

import base64
import json
import os
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

APP = "http://127.0.0.1:8000"
PROMETHEUS = "http://127.0.0.1:9090"
GRAFANA = "http://127.0.0.1:3000"
K = 10  # items asked for
ASKED = 3  # requests for a list that the checks below make
PATIENCE = 45.0  # seconds; Prometheus scrapes every 5
AT_LEAST = 2.0  # seconds for each check, whatever the ones before took
PAUSE = 1.0  # seconds between two tries
PASSWORD = os.environ.get("GRAFANA_PASSWORD", "admin")  # noqa: TID251 - as the compose file does


def ask(url: str, body: object = None, *, user: str = "") -> Any:
    """Fetch JSON; with a ``body``, POST it."""
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode())  # noqa: S310
    request.add_header("Content-Type", "application/json")
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - addresses are ours
        return json.loads(answer.read() or b"null")


def ready() -> object:
    """The service says that it is ready."""
    return ask(f"{APP}/readyz") or True


def recommends() -> object:
    """User 196 gets ten distinct items, and no stage is missing."""
    slate = ask(f"{APP}/recommend?user_id=196&k={K}")
    return len({item["item_id"] for item in slate["items"]}) == K and not slate["degraded"]


def listens() -> object:
    """An event is acknowledged, and the item liked is not recommended again."""
    first = ask(f"{APP}/recommend?user_id=smoke&k={K}")["items"][0]["item_id"]
    ask(f"{APP}/events", {"user_id": "smoke", "item_id": first, "type": "like"})
    slate = ask(f"{APP}/recommend?user_id=smoke&k={K}")
    return first not in {item["item_id"] for item in slate["items"]}


def is_scraped() -> object:
    """Prometheus reaches the service."""
    return _value('up{job="recfunnel"}') == 1


def is_measured() -> object:
    """Prometheus knows the requests asked above, and which bundle answered."""
    asked = _value('sum(recfunnel_request_seconds_count{route="/recommend",status="200"})')
    return asked >= ASKED and _value("sum(recfunnel_bundle_workers)") >= 1


def has_rules() -> object:
    """Prometheus has loaded the alerts, and none of them is broken."""
    groups = ask(f"{PROMETHEUS}/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    return bool(rules) and all(rule["health"] == "ok" for rule in rules)


def has_dashboard() -> object:
    """Grafana is healthy, with the data source and the dashboard provisioned."""
    admin = f"admin:{PASSWORD}"
    healthy = ask(f"{GRAFANA}/api/health")["database"] == "ok"
    sources = {source["uid"] for source in ask(f"{GRAFANA}/api/datasources", user=admin)}
    board = ask(f"{GRAFANA}/api/dashboards/uid/recfunnel", user=admin)
    return healthy and "prometheus" in sources and bool(board["dashboard"]["panels"])


def _value(query: str) -> float:
    address = f"{PROMETHEUS}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    result = ask(address)["data"]["result"]
    return float(result[0]["value"][1]) if result else -1.0


def attempt(check: Callable[[], object], until: float) -> str:
    """Try ``check`` until it holds or time is up; give what was wrong, empty when it holds."""
    wrong = "never tried"
    while time.monotonic() < until:
        try:
            if check():
                return ""
            wrong = "does not hold"
        except (OSError, KeyError, ValueError, IndexError) as error:
            wrong = f"{type(error).__name__}: {error}"
        time.sleep(PAUSE)
    return wrong


def main() -> int:
    """Run the checks in order; give 1 when one of them does not hold in time."""
    failed = 0
    until = time.monotonic() + PATIENCE
    for check in (
        *(ready, recommends, listens),
        *(is_scraped, is_measured, has_rules, has_dashboard),
    ):
        wrong = attempt(check, max(until, time.monotonic() + AT_LEAST))
        sys.stdout.write(f"{'FAIL' if wrong else 'ok  '} {check.__doc__} {wrong}\n")
        failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
