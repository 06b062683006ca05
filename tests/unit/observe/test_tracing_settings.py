"""Traces are off without an address, and a wrong setting of them is named."""

import pytest

from app.observe.tracing_settings import hide_query
from app.settings import Settings, SettingsError, read_settings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_traces_are_off_until_a_collector_is_named(monkeypatch):
    assert Settings().tracing.endpoint is None
    assert Settings().tracing.user_ids is False
    monkeypatch.setenv("RECFUNNEL_TRACING__ENDPOINT", "")
    assert Settings().tracing.endpoint is None


@pytest.mark.parametrize(
    ("text", "posted_to"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://otlp.example.com/otlp", "https://otlp.example.com/otlp/v1/traces"),
        ("https://api.example.com/v1/traces", "https://api.example.com/v1/traces"),
    ],
)
def test_the_path_of_traces_is_added_where_it_is_missing(text, posted_to):
    assert Settings(tracing={"endpoint": text}).tracing.endpoint == posted_to


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("endpoint", "collector:4318", "such as http://collector:4318"),
        ("endpoint", "http://", "such as http://collector:4318"),
        ("endpoint", "http://me:secret@collector:4318", "send it with tracing.headers"),
        ("ratio", 1.5, "less than or equal to 1"),
        ("timeout_seconds", 0, "greater than 0"),
        ("rato", 1, "did you mean ratio?"),
    ],
)
def test_a_wrong_value_is_named_without_showing_a_password(name, value, reason):
    with pytest.raises(SettingsError) as error:
        read_settings({"tracing": {name: value}})
    assert f"tracing.{name}" in str(error.value)
    assert reason in str(error.value)
    assert "secret" not in str(error.value)


def test_headers_come_from_either_source_and_are_not_shown(tmp_path, monkeypatch):
    (tmp_path / "recfunnel.toml").write_text(
        '[tracing]\nendpoint = "http://here:4318"\nratio = 0.5\n'
        'headers = {authorization = "s3cret"}\n'
    )
    monkeypatch.setenv("RECFUNNEL_TRACING__RATIO", "0.25")
    tracing = Settings().tracing
    assert (tracing.endpoint, tracing.ratio) == ("http://here:4318/v1/traces", 0.25)
    assert tracing.headers["authorization"].get_secret_value() == "s3cret"
    assert "s3cret" not in repr(Settings())
    monkeypatch.setenv("RECFUNNEL_TRACING__HEADERS", '{"x-key": "other"}')
    assert Settings().tracing.headers["x-key"].get_secret_value() == "other"


@pytest.mark.parametrize("value", ["s3cret\n", " s3cret", "s3cret\r\n", "\ts3cret "])
def test_white_space_around_a_header_is_not_sent(value):
    headers = Settings(tracing={"headers": {" x-key ": value}}).tracing.headers
    assert {name: secret.get_secret_value() for name, secret in headers.items()} == {
        "x-key": "s3cret"
    }


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("x-key", "Bearer s3cret…", "the value of x-key has a character"),
        ("x-key", "s3cret\nx: y", "in one line"),
        ("x-key", "s3cret\x00", "the value of x-key"),
        ("s3cret key", "v", "no name of a header"),
        ("", "s3cret", "no name of a header"),
    ],
    ids=["not latin-1", "two lines", "null", "a space", "no name"],
)
def test_a_header_that_http_cannot_send_is_named_without_its_value(name, value, reason):
    with pytest.raises(SettingsError) as error:
        read_settings({"tracing": {"headers": {name: value}}})
    assert "tracing.headers" in str(error.value)
    assert reason in str(error.value)
    assert "s3cret" not in str(error.value)


def test_an_address_is_shown_without_its_query():
    assert hide_query("http://a:1/v1/traces?k=secret#x") == "http://a:1/v1/traces?***"
    assert hide_query("http://a:1/v1/traces") == "http://a:1/v1/traces"
