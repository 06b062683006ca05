"""The settings of traces: where they are sent, and which requests have one."""

import re
from collections.abc import Mapping
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from app.contracts import Share

SIGNAL_PATH = "/v1/traces"  # of OTLP over HTTP
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110
HEADER_VALUE = re.compile(r"[ -~\xa1-\xac\xae-\xff]*")  # printable characters of latin-1


def complete_endpoint(text: str | None) -> str | None:
    """Return the address that traces are posted to. None, also for an empty text: traces are off.

    Raises:
        ValueError: the address cannot be used.
    """
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write the address of a collector, such as http://collector:4318")
    if parts.username or parts.password:
        raise ValueError("the address has a password: send it with tracing.headers")
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(SIGNAL_PATH) else path + SIGNAL_PATH).geturl()


def hide_query(address: str) -> str:
    """Return an address as it may be written to a log: its query may hold a key."""
    parts = urlsplit(address)
    return parts._replace(query="***" if parts.query else "", fragment="").geturl()


def check_headers(headers: Mapping[str, SecretStr]) -> dict[str, SecretStr]:
    """Return headers without white space around their names and values, as files of keys have it.

    Raises:
        ValueError: HTTP cannot send one of them. The text has no value.
    """
    stripped = {
        name.strip(): SecretStr(value.get_secret_value().strip()) for name, value in headers.items()
    }
    for name, value in stripped.items():
        if not HEADER_NAME.fullmatch(name):
            raise ValueError(
                f"{len(name)} characters are no name of a header: write letters, digits and "
                "hyphens, such as authorization"
            )
        if not HEADER_VALUE.fullmatch(value.get_secret_value()):
            raise ValueError(
                f"the value of {name} has a character that a header cannot have: write printable "
                "characters of latin-1, in one line"
            )
    return stripped


CollectorHeaders: TypeAlias = Annotated[dict[str, SecretStr], AfterValidator(check_headers)]
Endpoint: TypeAlias = Annotated[str | None, AfterValidator(complete_endpoint)]


class TracingSettings(BaseModel):
    """The settings of traces. They are off without an address."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    endpoint: Endpoint = Field(
        None,
        description="address of a collector that takes OTLP over HTTP, such as "
        "`http://collector:4318`; `/v1/traces` is added to it. Not set: no traces",
    )
    ratio: Share = Field(
        0.1,
        description="share of the requests that have a trace. With `trust_callers`, the header "
        "`traceparent` of a request decides instead, if it has one",
    )
    trust_callers: bool = Field(
        False,  # noqa: FBT003 - as pydantic has it
        description="record each request whose `traceparent` says so. For services that only your "
        "own back ends reach: any caller, and pages of `cors_origins`, can have all traced",
    )
    headers: CollectorHeaders = Field(
        {}, description='headers for the collector, such as `{authorization = "Bearer YOUR-KEY"}`'
    )
    timeout_seconds: float = Field(
        5.0,
        gt=0,
        le=60,
        description="the longest attempt to send some traces, until the answer is whole; then "
        "they are lost",
    )
    user_ids: bool = Field(
        False,  # noqa: FBT003 - as pydantic has it
        description="write the `user_id` of a request into its trace",
    )
