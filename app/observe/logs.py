"""Configure the standard library's logging: one line a record, no secrets, no floods."""

import logging
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson
from typing_extensions import override

from app.observe.request_trace import current_trace_id

REPEAT_INTERVAL = 10.0  # seconds in which a repeated warning is written once
MAX_REMEMBERED = 1_000  # warnings; beyond that the older ones are removed
SECRETS = (
    (re.compile(r"(\w+://)[^/\s@]+@"), r"\1***@"),  # user and password of an address
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 ***"),
    (
        re.compile(r"(?i)\b(password|passwd|secret|token|api[_-]?key)(['\"]?\s*[=:]\s*)[^\s,;&]+"),
        r"\1\2***",
    ),
)


class RepeatFilter(logging.Filter):
    """Passes one warning of a stage per ``REPEAT_INTERVAL`` seconds and counts the others.

    A stage is identified by logger, level, message and first argument, as in
    ``log.warning("%s: %s", stage, error)``; the text of the error may differ.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self.seen: dict[tuple[str, int, str, str], tuple[float, int]] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write the record; add to it how many were suppressed before."""
        if record.levelno < logging.WARNING:
            return True
        now, identity = self._clock(), _identity(record)
        since, suppressed = self.seen.get(identity, (-REPEAT_INTERVAL, 0))
        if now - since < REPEAT_INTERVAL:
            self.seen[identity] = (since, suppressed + 1)
            return False
        self._remember(identity, now)
        record.suppressed = suppressed
        return True

    def _remember(self, identity: tuple[str, int, str, str], now: float) -> None:
        if len(self.seen) >= MAX_REMEMBERED:
            recent = {
                key: seen for key, seen in self.seen.items() if now - seen[0] < REPEAT_INTERVAL
            }
            self.seen = recent if len(recent) < MAX_REMEMBERED else {}
        self.seen[identity] = (now, 0)


class TraceFilter(logging.Filter):
    """Adds to a record the id of the trace of the request that logs it; "" without one."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        record.trace_id = current_trace_id()
        return True


class TextFormatter(logging.Formatter):
    """For a terminal: time, level, logger, message; a traceback follows on its own lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    @override
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if suppressed := getattr(record, "suppressed", 0):
            text = f"{text} (and {suppressed} more like it)"
        if trace_id := getattr(record, "trace_id", ""):
            text = f"{text} (trace {trace_id})"
        return hide_secrets(text)


class JsonFormatter(logging.Formatter):
    """For machines: one JSON object a line, with the traceback in it."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _writable(hide_secrets(record.getMessage())),
            "process": record.process,
        }
        if record.exc_info:
            line["traceback"] = hide_secrets(self.formatException(record.exc_info))
        if suppressed := getattr(record, "suppressed", 0):
            line["suppressed"] = suppressed
        if trace_id := getattr(record, "trace_id", ""):
            line["trace_id"] = trace_id
        return orjson.dumps(line).decode()

    converter = staticmethod(time.gmtime)


def _writable(text: str) -> str:
    """Return text that can be written as UTF-8, whatever a caller sent."""
    return text.encode("utf-8", "backslashreplace").decode()


def hide_secrets(text: str) -> str:
    """Replace passwords in addresses, bearer tokens and ``key=value`` secrets by ``***``."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


def configure(level: str = "INFO", *, json: bool | None = None) -> None:
    """Write every logger's records to standard error, one line each.

    The lines are JSON if ``json`` is true, or if it is None and no terminal is attached. The
    server's own loggers are included. There are no logs of single requests: metrics count them.

    Raises:
        ValueError: the level is unknown.
    """
    handler = logging.StreamHandler()
    as_json = not sys.stderr.isatty() if json is None else json
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    handler.addFilter(RepeatFilter())
    handler.addFilter(TraceFilter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in ("uvicorn.access", "faiss.loader", "httpx"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _identity(record: logging.LogRecord) -> tuple[str, int, str, str]:
    first = record.args[0] if isinstance(record.args, tuple) and record.args else ""
    return record.name, record.levelno, str(record.msg), str(first)
