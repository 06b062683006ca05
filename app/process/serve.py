"""Start the service: the embedded server if no Redis is configured, then uvicorn's workers."""

import logging
import resource
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import uvicorn

from app.access.loopback import is_loopback
from app.observe import logs
from app.observe.tracing_settings import hide_query
from app.process.bounded_protocol import BoundedProtocol
from app.process.connection_limits import OpenConnections
from app.process.embedded_server import DATA_FOLDER, embedded_server
from app.process.workers import Supervision, run_workers
from app.settings import Settings, share_metrics

log = logging.getLogger(__name__)

SHUTDOWN_TIMEOUT = 3  # seconds for requests in flight to end after SIGTERM
RESERVED_FILES = 128  # for the bundle, Redis, the log and threads
BACKLOG = 1024  # connections that the kernel accepts before a worker does


class OpenServiceError(Exception):
    """The service would be open to a network without API keys; the text says what to do."""


def check_access(settings: Settings) -> None:
    """Check that a service that others can reach has API keys.

    Raises:
        OpenServiceError: it has none.
        KeyFormatError: the keys cannot be read.
    """
    if not settings.key_ring().is_configured and not is_loopback(settings.host):
        raise OpenServiceError(
            f"{settings.host} can be reached from the network, and no API keys are set: make one "
            f"with `recfunnel key new NAME --file keys.txt` and set RECFUNNEL_API_KEYS_FILE, or "
            f"listen on 127.0.0.1"
        )


class PortTakenError(Exception):
    """Another process listens on the port; the text says what to do."""


def check_port(host: str, port: int) -> None:
    """Check that the port is free.

    Raises:
        PortTakenError: the port is taken.
    """
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(
                f"cannot listen on {host}:{port} ({error.strerror}): stop what runs there, or "
                f"choose another port with --port {port + 1} (RECFUNNEL_PORT={port + 1})"
            ) from None


class MissingExtraError(Exception):
    """A setting needs packages that are not installed; the text says what to do."""


def check_tracing(settings: Settings) -> None:
    """Check that traces can be sent, if there is a collector to send them to.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """
    if settings.tracing.endpoint is None:
        return
    try:
        is_installed = find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:  # a package above it is missing too
        is_installed = False
    if not is_installed:
        raise MissingExtraError(
            "the setting tracing.endpoint needs OpenTelemetry, which is not installed: pip install "
            "'recfunnel[otel]', or remove the setting (RECFUNNEL_TRACING__ENDPOINT)"
        )


@contextmanager
def serving_environment(settings: Settings) -> Iterator[Settings]:
    """Provide what the workers need: a Redis, a folder for metrics, and the settings."""
    redis = (
        nullcontext(settings.redis_url)
        if settings.redis_url
        else embedded_server(settings.out / DATA_FOLDER)
    )
    with redis as url, tempfile.TemporaryDirectory(prefix="recfunnel-metrics-") as folder:
        complete = settings.model_copy(update={"redis_url": url})
        complete.export()
        share_metrics(Path(folder))
        yield complete


def serve(settings: Settings, run: Callable[..., None] = run_workers) -> None:
    """Serve until SIGINT or SIGTERM, then end all processes.

    Raises:
        OpenServiceError: others could reach the service, and it has no keys.
        KeyFormatError: the keys cannot be read.
        MissingExtraError: traces are on, and OpenTelemetry is not installed.
        PortTakenError: the port is taken.
    """
    check_access(settings)
    check_tracing(settings)
    check_port(settings.host, settings.port)
    logs.configure(settings.log_level)
    signal.signal(signal.SIGTERM, exit_on_signal)
    with serving_environment(settings) as complete, _bind(complete.host, complete.port) as listener:
        access = (
            "" if complete.key_ring().is_configured else ", for this machine alone: no API keys"
        )
        name = listener.getsockname()[:2]
        if complete.tracing.endpoint:
            share = 100 * complete.tracing.ratio
            address = hide_query(complete.tracing.endpoint)
            log.info("traces of %g %% of requests go to %s", share, address)
        run(
            partial(_configure, complete),
            listener,
            complete.workers,
            lambda: log.info("listening on http://%s:%d%s", *name, access),
            Supervision(drain=complete.drain_seconds),
        )


def _bind(host: str, port: int) -> socket.socket:
    """Return a bound socket. It listens once a worker can answer."""
    listener = socket.socket(_family(host), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def _configure(settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=partial(BoundedProtocol, open_connections=_open_connections(settings)),  # type: ignore[arg-type]
        ws="none",
        access_log=False,
        log_config=None,
        backlog=BACKLOG,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT,
        server_header=False,
    )


def _open_connections(settings: Settings) -> OpenConnections:
    """Return the bounds of a worker's connections; the process keeps some file descriptors."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = settings.max_connections
    if files != resource.RLIM_INFINITY:
        limit = max(1, min(limit, files - RESERVED_FILES))
    return OpenConnections(limit, settings.max_connections_per_client)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def exit_on_signal(_signal: int, _frame: FrameType | None) -> None:
    """Exit through all open contexts, so that the embedded server ends too."""
    raise SystemExit(0)
