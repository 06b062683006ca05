"""Send generated requests to every route: no answer may be a 5xx or differ from the description.

``python -m benchmarks.api_fuzz --cases 10000 --out out`` starts a service over a folder of bundles,
and takes some minutes. Schemathesis derives the requests from the OpenAPI description, half of
them valid and half broken. It prints each kind of failure once, with a request that repeats it, and
exits with 1 if there is any. The service has Gorse's API too.
"""

import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import schemathesis
import typer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from loadtest.service import run_service

CHECKS = [  # the first one does not hold for ``NEEDS_TRAINER``
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    allow_header_conformance,
]
# They answer 503 where nothing can train, as here.
NEEDS_TRAINER = frozenset({"POST /trainings", "POST /doctor"})
UNAVAILABLE = 503
OTHER_METHODS = ("TRACE", "PATCH", "OPTIONS", "DELETE", "PUT", "POST", "GET")
METHOD_NOT_ALLOWED = 405
TIMEOUT = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class FuzzReport:
    """The result of a fuzz: the statuses of all answers, and one example of each failure."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)  # by route and kind

    @property
    def cases(self) -> int:
        """The number of requests that were sent."""
        return self.statuses.total()


def fuzz(url: str, cases: int, seed: int = 1) -> FuzzReport:
    """Send about this many requests to a service, and check every answer.

    Args:
        url: address of the service, which is changed by the requests.
        cases: number of requests, shared evenly by the routes.
        seed: the same one gives the same requests.
    """
    report = FuzzReport()
    schema = schemathesis.openapi.from_dict(httpx.get(f"{url}/openapi.json").json())
    operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    share = max(1, cases // (len(operations) * len(GenerationMode)))
    for operation in operations:
        for mode in GenerationMode:
            _fuzz_operation(report, url, operation, mode, share, seed)
        _try_other_methods(report, url, operation.path, schema[operation.path])
    return report


def _fuzz_operation(  # noqa: PLR0913, PLR0917 - one call
    report: FuzzReport, url: str, operation: Any, mode: GenerationMode, cases: int, seed: int
) -> None:
    """Send requests of one kind to one operation."""

    @seeded(seed)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        response = case.call(base_url=url, timeout=TIMEOUT)
        report.statuses[response.status_code] += 1
        is_allowed = operation.label in NEEDS_TRAINER and response.status_code == UNAVAILABLE
        try:
            case.validate_response(response, checks=CHECKS[1:] if is_allowed else CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                kind = f"{operation.label}: {failure.title}, status {response.status_code}"
                text = f"{failure.message}\n{case.as_curl_command()}\n{response.text[:300]}"
                report.failures.setdefault(kind, text)

    with suppress(Unsatisfiable):  # nothing of an operation without parameters can be broken
        send()


def _try_other_methods(report: FuzzReport, url: str, path: str, methods: Any) -> None:
    """Check that a method which a path does not have is refused, with those that it has."""
    expected = {method.upper() for method in methods}
    for method in OTHER_METHODS:
        if method in expected:
            continue
        answer = httpx.request(
            method, url + path.replace("{", "").replace("}", ""), timeout=TIMEOUT
        )
        report.statuses[answer.status_code] += 1
        allowed = set(answer.headers.get("allow", "").replace(" ", "").split(","))
        if answer.status_code != METHOD_NOT_ALLOWED or not expected <= allowed:
            text = f"status {answer.status_code}, Allow {sorted(allowed)}, not {sorted(expected)}"
            report.failures.setdefault(f"{method} {path}: method that does not exist", text)


def main(
    cases: Annotated[int, typer.Option(help="Number of requests.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same one gives the same requests.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of bundles; it is not changed.")] = Path("out"),
) -> None:
    """Fuzz a service of its own over the current bundle."""
    with run_service(out, settings={"RECFUNNEL_GORSE_API": "true"}) as service:
        report = fuzz(service.url, cases, seed)
    counts = ", ".join(f"{n} x {status}" for status, n in sorted(report.statuses.items()))
    print(f"{report.cases} requests: {counts}; {len(report.failures)} kinds of failures")  # noqa: T201
    for kind, text in report.failures.items():
        print(f"\n{kind}\n{text}")  # noqa: T201
    sys.exit(bool(report.failures))


if __name__ == "__main__":
    typer.run(main)
