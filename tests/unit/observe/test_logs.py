"""What is written to the log, and what never is."""

import json
import logging
import re
from collections.abc import Iterator

import pytest

from app.observe.logs import (
    MAX_REMEMBERED,
    REPEAT_INTERVAL,
    JsonFormatter,
    RepeatFilter,
    TextFormatter,
    TraceFilter,
    configure,
    hide_secrets,
)
from app.observe.request_trace import CURRENT, RequestTrace


class Clock:
    """A clock that stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def record(message: str, *args: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("app.deadline", level, "run.py", 1, message, args, None)


def test_redis_down_writes_one_line_per_stage_in_ten_seconds() -> None:
    clock = Clock()
    repeats = RepeatFilter(clock)
    told = [repeats.filter(record("%s: %s", "history", f"refused {n}")) for n in range(500)]
    assert told.count(True) == 1
    assert repeats.filter(record("%s: %s", "recall.item_cf", "refused"))
    clock.now += REPEAT_INTERVAL
    late = record("%s: %s", "history", "refused")
    assert repeats.filter(late)
    assert (
        TextFormatter()
        .format(late)
        .endswith("app.deadline: history: refused (and 499 more like it)")
    )
    assert json.loads(JsonFormatter().format(late))["suppressed"] == 499


def test_what_is_told_is_not_told_as_suppressed_again() -> None:
    clock = Clock()
    repeats = RepeatFilter(clock)
    for _ in range(3):
        repeats.filter(record("broken"))
    first, second = record("broken"), record("broken")
    for told in (first, second):
        clock.now += REPEAT_INTERVAL
        assert repeats.filter(told)
    assert "2 more like it" in TextFormatter().format(first)
    assert "more like it" not in TextFormatter().format(second)


def test_information_is_never_held_back() -> None:
    repeats = RepeatFilter(Clock())
    assert all(repeats.filter(record("started", level=logging.INFO)) for _ in range(5))


def test_complaints_without_end_do_not_fill_the_memory() -> None:
    clock = Clock()
    repeats = RepeatFilter(clock)
    for number in range(3 * MAX_REMEMBERED):
        repeats.filter(record("%s", f"stage {number}"))
        assert len(repeats.seen) <= MAX_REMEMBERED
    clock.now += REPEAT_INTERVAL
    for number in range(MAX_REMEMBERED):
        repeats.filter(record("%s", f"other {number}"))
    assert len(repeats.seen) <= MAX_REMEMBERED


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("no answer from redis://default:hunter22@cache:6379/0", "redis://***@cache:6379/0"),
        ("sent Authorization: Bearer abcdef.123456", "Authorization: Bearer ***"),
        ("password=hunter22 user=me", "password=*** user=me"),
        ("{'token': 'hunter22'}", "{'token': ***"),
    ],
)
def test_secrets_are_hidden(text: str, hidden: str) -> None:
    assert hidden in hide_secrets(text)
    assert "hunter22" not in hide_secrets(text)


def test_a_secret_in_a_traceback_is_hidden_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure(json=True)
    try:
        raise ConnectionError("redis://me:hunter22@cache")
    except ConnectionError:
        logging.getLogger("app.deadline").exception("history")
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert "hunter22" not in written
    assert "ConnectionError" in json.loads(written)["traceback"]


def test_machines_get_one_json_object_a_line_with_the_time_in_utc(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("debug")  # no terminal is attached here
    logging.getLogger("app.main").debug("two\nlines of %d", 7)
    line = json.loads(capsys.readouterr().err)
    assert line["message"] == "two\nlines of 7"
    assert (line["level"], line["logger"]) == ("debug", "app.main")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_people_get_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", json=False)
    logging.getLogger("app.main").info("ready")
    assert re.fullmatch(r"\d\d:\d\d:\d\d INFO    app\.main: ready\n", capsys.readouterr().err)


def test_the_servers_own_records_come_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("uvicorn.error").addHandler(logging.StreamHandler())
    configure("INFO", json=True)
    logging.getLogger("uvicorn.error").info("Application startup complete.")
    for talkative in ("uvicorn.access", "httpx"):
        logging.getLogger(talkative).info("GET /recommend?user_id=196")
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert json.loads(written)["logger"] == "uvicorn.error"


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="LOUD"):
        configure("loud")


def test_a_line_within_a_traced_request_has_the_id_of_its_trace() -> None:
    line = record("%s: %s", "history", "refused")
    token = CURRENT.set(RequestTrace(0xABC, 1))
    try:
        TraceFilter().filter(line)
    finally:
        CURRENT.reset(token)
    trace_id = f"{0xABC:032x}"
    assert json.loads(JsonFormatter().format(line))["trace_id"] == trace_id
    assert TextFormatter().format(line).endswith(f"history: refused (trace {trace_id})")
    other = record("%s: %s", "history", "refused")
    TraceFilter().filter(other)
    assert "trace_id" not in json.loads(JsonFormatter().format(other))
    assert TextFormatter().format(other).endswith("history: refused")
