"""What every request passes before it is routed."""

from types import SimpleNamespace
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Header
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from app.api import errors, recommend
from app.api.middleware import AdmissionControl, ArrivalTiming, leave_flight
from app.observe.metrics import Metrics
from app.service.admission import Admission


class RequireKey:
    """Authentication as an ASGI middleware."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and (b"x-key", b"secret") not in scope["headers"]:
            await PlainTextResponse("no key", 401)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def require_key(x_key: Annotated[str, Header()] = ""):
    """Authentication as a dependency."""
    if x_key != "secret":
        raise HTTPException(401, "no key")


def with_plain_queries(**options):
    app = FastAPI(**options)
    app.add_middleware(recommend.PlainQueries)
    return app


def by_middleware():
    app = with_plain_queries()
    app.add_middleware(RequireKey)
    app.include_router(recommend.router)
    return app


def by_application():
    app = with_plain_queries(dependencies=[Depends(require_key)])
    app.include_router(recommend.router)
    return app


def by_router():
    app = with_plain_queries()
    app.include_router(recommend.router, dependencies=[Depends(require_key)])
    return app


def by_a_route_of_their_own():
    app = with_plain_queries()

    @app.get("/recommend", dependencies=[Depends(require_key)])
    async def refuse() -> None:
        raise HTTPException(503)

    app.include_router(recommend.router, dependencies=[Depends(require_key)])
    return app


@pytest.mark.parametrize(
    "build", [by_middleware, by_application, by_router, by_a_route_of_their_own]
)
async def test_authentication_added_in_any_usual_way_holds_for_every_way_to_ask_for_a_list(build):
    app = build()
    errors.install(app)
    app.state.service = SimpleNamespace(deployment=None, refusal="starting")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for headers, status in (({}, 401), ({"x-key": "secret"}, 503)):
            params = {"user_id": "u1"}
            assert (
                await client.get("/recommend", params=params, headers=headers)
            ).status_code == status
            assert (await client.post("/recommend", json={}, headers=headers)).status_code == status


async def test_plain_queries_are_left_to_an_application_without_the_route():
    transport = httpx.ASGITransport(with_plain_queries())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/recommend?user_id=u1")).status_code == 404


async def test_a_request_that_breaks_is_counted_as_500_and_what_is_no_request_is_passed_on():
    async def broken(scope, receive, send):
        if scope["type"] == "http":
            raise ZeroDivisionError

    metrics = Metrics()
    arrival = ArrivalTiming(broken, metrics)
    await arrival({"type": "lifespan"}, None, None)
    with pytest.raises(ZeroDivisionError):
        await arrival({"type": "http"}, None, None)
    text = metrics.scrape().decode()
    assert 'recfunnel_request_seconds_count{route="unknown",status="500"} 1.0' in text
    assert "recfunnel_requests_in_flight 0.0" in text


def posted(admission, parts, in_flight):
    """Return a call of a POST of a list: ``in_flight`` gets what is in flight at each step."""

    async def app(_scope, receive, send):
        while (await receive())["more_body"]:
            in_flight.append(admission.in_flight)
        in_flight.append(admission.in_flight)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive():
        in_flight.append(admission.in_flight)
        return {"type": "http.request", "body": b"{", "more_body": bool(parts.pop())}

    async def send(_message):
        in_flight.append(admission.in_flight)

    service = SimpleNamespace(admission=admission, metrics=Metrics())
    scope = {"type": "http", "method": "POST", "path": "/recommend", "arrived": 0.0}
    scope["app"] = SimpleNamespace(state=SimpleNamespace(service=service))
    return AdmissionControl(app)(scope, receive, send)


async def test_a_request_is_in_flight_from_the_end_of_its_body_to_the_begin_of_its_answer():
    admission, in_flight = Admission(0.1, 10, clock=lambda: 0.0), []
    await posted(admission, [False, True], in_flight)
    assert in_flight == [0, 0, 0, 1, 0]
    assert admission.in_flight == 0


async def test_slow_work_after_the_list_is_not_in_flight_and_is_no_missed_prediction():
    moments = iter([0.0, 0.0, 0.0])  # of the admission and the release; a later look would fail
    admission = Admission(0.1, 10, clock=lambda: next(moments))
    in_flight = []

    async def app(scope, _receive, send):
        in_flight.append(admission.in_flight)
        leave_flight(scope)
        in_flight.append(admission.in_flight)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(_message):
        in_flight.append(admission.in_flight)

    service = SimpleNamespace(admission=admission, metrics=Metrics())
    scope = {"type": "http", "method": "GET", "path": "/recommend", "arrived": 0.0}
    scope["app"] = SimpleNamespace(state=SimpleNamespace(service=service))
    await AdmissionControl(app)(scope, None, send)
    assert in_flight == [1, 0, 0]
    assert admission.margin == 0.0
    leave_flight({})  # a request that no admission has seen


async def test_a_request_that_is_refused_at_the_end_of_its_body_takes_no_place():
    admission, in_flight = Admission(0.1, 1, clock=lambda: 0.0), []
    admission.admit(0.0)
    with pytest.raises(HTTPException) as refused:
        await posted(admission, [False], in_flight)
    assert refused.value.status_code == 503
    assert refused.value.headers == {"Retry-After": "1"}
    assert in_flight == [1]
    assert admission.in_flight == 1
