"""Traces are off without an address, and a wrong setting of them is named."""

import pytest

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
