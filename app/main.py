"""Composition root of a worker: settings -> Redis -> bundle -> funnel -> warm-up -> routes."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from app.access.key_ring import KeyRing
from app.access.loopback import LOOPBACK_NAMES
from app.api import (
    activity,
    bundles,
    console,
    doctor,
    erasures,
    errors,
    events,
    explain,
    health,
    item_batches,
    item_search,
    items,
    newest_events,
    onboarding,
    overview,
    popular,
    rank,
    recommend,
    rules,
    rules_preview,
    similar,
    trainings,
    user_batches,
    user_history,
    user_search,
    users,
)
from app.api.access_control import AccessControl, SecurityHeaders, describe_security
from app.api.allowed_hosts import AllowedHosts
from app.api.body_bounds import BodyLimit
from app.api.early_refusal import EarlyRefusal
from app.api.hang_up import HangUp, answer_nobody
from app.api.middleware import (
    FUNNEL_ROUTES,
    AdmissionControl,
    ArrivalTiming,
    EncodedSlashes,
)
from app.api.page_origins import PageOrigins
from app.api.rate_limit import RateLimit
from app.api.request_tracing import RequestTracing
from app.gorse_api.install import install_gorse_api
from app.observe import logs
from app.observe.metrics import Metrics
from app.observe.request_tracer import RequestTracer
from app.process.bounded_protocol import EARLY_ANSWER
from app.process.connection_limits import ON_CLOSED
from app.service.rollout import DEFAULT_TIMING, RolloutTiming
from app.service.service import Service
from app.settings import Settings, shared_metrics_folder
from app.state.confirmations import worker_name
from app.state.rate_shares import RateShares

DESCRIPTION = "Selects the items that a user should see now, live, per request, inside 100 ms."
RESOURCES = (
    *(recommend, rank, popular, explain, events, newest_events),
    *(items, item_search, item_batches, similar),
    *(onboarding, users, user_search, user_history, user_batches),
    *(rules, rules_preview),
    *(erasures, trainings, doctor, health),
    *(overview, activity, bundles, console),
)


def allowed_hosts(settings: Settings, keys: KeyRing) -> Sequence[str]:
    """Return the accepted values of the Host header.

    Without keys, only names of this machine: else a page of another site, whose name an attacker
    points at the loopback, could use the service (DNS rebinding).
    """
    if settings.allowed_hosts:
        return settings.allowed_hosts
    return ["*"] if keys.is_configured else LOOPBACK_NAMES


def operation_id(route: APIRoute) -> str:
    """Return the name of an operation for clients that are generated: that of its function."""
    return route.name


def build_tracer(settings: Settings, metrics: Metrics) -> RequestTracer | None:
    """Build what sends traces, in the process that answers requests; None: traces are off.

    Raises:
        ModuleNotFoundError: the extra ``otel`` is not installed.
    """
    tracing = settings.tracing
    if tracing.endpoint is None:
        return None
    from app.observe.otlp import OtlpSender  # noqa: PLC0415 - an extra

    return RequestTracer(OtlpSender(tracing, tracing.endpoint), metrics)


@asynccontextmanager
async def sending_traces(tracer: RequestTracer | None) -> AsyncIterator[None]:
    """Send traces in a ``with`` block, if they are on."""
    if tracer is None:
        yield
        return
    tracer.start()
    try:
        yield
    finally:
        await asyncio.to_thread(tracer.close)


def reload_on_hangup(keys: KeyRing, service: Service) -> None:
    """Read the file of keys and ``current`` again when this process gets SIGHUP."""

    def reload() -> None:
        keys.check_now()
        service.reload()

    if threading.current_thread() is threading.main_thread():  # no other one may handle signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def server_state(
    service: Service, keys: KeyRing, shares: RateShares, tracer: RequestTracer | None
) -> dict[str, Any]:
    """Return what the connections of the server need of the application."""
    state: dict[str, Any] = {ON_CLOSED: partial(service.metrics.count, "connections_closed")}
    if tracer is None:  # else each refusal has a trace
        hosts = allowed_hosts(service.settings, keys)
        state[EARLY_ANSWER] = EarlyRefusal(service, keys, shares, hosts)
    return state


def create_app(settings: Settings | None = None, timing: RolloutTiming = DEFAULT_TIMING) -> FastAPI:
    """Build the application; uvicorn calls this in each worker."""
    settings = settings or Settings()
    logs.configure(settings.log_level)
    metrics = Metrics(shared_metrics_folder())
    keys = settings.key_ring()
    shares = RateShares(settings.rate_limit_per_key, settings.workers)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        service = Service(settings, metrics, timing)
        app.state.service = service
        service.start()
        worker = worker_name(os.getpid())
        service.tasks.start(shares.run(service.writer, settings.key_prefix, worker))
        reload_on_hangup(keys, service)
        async with sending_traces(app.state.tracer):  # last: nothing waits for a collector
            try:
                if settings.workers > 1:  # the other workers answer until this one can
                    await service.first_attempt.wait()
                yield server_state(service, keys, shares, app.state.tracer)
            finally:
                await service.stop()

    app = FastAPIOffline(  # its /docs needs nothing from the network
        title="recfunnel",
        version=version("recfunnel"),
        description=DESCRIPTION,
        license_info={"name": "MIT", "identifier": "MIT"},
        servers=[{"url": "/", "description": "This service."}],
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
    )
    app.state.keys, app.state.tracer = keys, build_tracer(settings, metrics)
    add_steps(app, settings, keys, shares, metrics)
    add_routes(app)
    if settings.gorse_api:
        install_gorse_api(app)
    return app


def add_steps(
    app: FastAPI, settings: Settings, keys: KeyRing, shares: RateShares, metrics: Metrics
) -> None:
    """Add the steps that a request passes before it is routed."""
    # The last one added is the first that a request passes.
    app.add_middleware(recommend.PlainQueries)
    app.add_middleware(BodyLimit)
    app.add_middleware(AdmissionControl)
    app.add_middleware(HangUp, paths=frozenset(FUNNEL_ROUTES))
    if app.state.tracer is not None:
        app.add_middleware(RequestTracing, tracer=app.state.tracer)
    app.add_middleware(ArrivalTiming, metrics=metrics)
    app.add_middleware(RateLimit, shares=shares, metrics=metrics)
    app.add_middleware(AccessControl, keys=keys, metrics=metrics)
    if not keys.is_configured:
        app.add_middleware(PageOrigins, cors_origins=settings.cors_origins, metrics=metrics)
    app.add_middleware(EncodedSlashes)  # before the roles, which depend on the path that is routed
    if settings.cors_origins:  # before the keys: a browser asks for permission without one
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=[
                *("Authorization", "Content-Type", "X-API-Key"),
                *("traceparent", "tracestate"),  # of pages that are traced themselves
            ],
            expose_headers=["Retry-After"],
        )
    hosts = allowed_hosts(settings, keys)
    app.add_middleware(AllowedHosts, allowed_hosts=hosts, metrics=metrics)
    app.add_middleware(SecurityHeaders, picture_base=settings.picture_base)


def add_routes(app: FastAPI) -> None:
    """Add all routes, and the form of errors."""
    describe_security(app)
    errors.install(app)
    app.add_exception_handler(ClientDisconnect, answer_nobody)
    for resource in RESOURCES:
        app.include_router(resource.router)
