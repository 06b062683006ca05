"""The exceptions of the client, and how an answer of the service becomes one."""

import json
from typing import Any

import httpx

from recfunnel_client.answers import FaultDetail


class RecfunnelError(Exception):
    """The service refused a request. Its text is the sentence of the service, and the field.

    Attributes:
        status: The HTTP status; None if there was no answer.
        code: The word for the kind of error, such as ``invalid`` or ``not_found``.
        field: The parameter or field that is not valid.
        errors: Every fault of the request, if the service found several, else the one.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        field: str | None = None,
        errors: tuple[FaultDetail, ...] = (),
    ) -> None:
        super().__init__(f"{message} (field {field})" if field else message)
        self.status = status
        self.code = code
        self.field = field
        self.errors = errors or (FaultDetail(field, message),)


class UnreachableError(RecfunnelError):
    """No answer came, or a broken one: the connection failed, or the time was over."""


def error_of(outcome: httpx.Response | httpx.RequestError) -> RecfunnelError:
    """Return the exception for an answer that is no success, or for a broken connection."""
    if isinstance(outcome, httpx.RequestError):
        target = f"{outcome.request.method} {outcome.request.url}"
        cause = f"{type(outcome).__name__}: {outcome}"
        return UnreachableError(
            f"{target} had no answer ({cause}); check the address and that the service runs"
        )
    try:
        return _error_of_body(outcome.status_code, outcome.json()["error"])
    except (ValueError, KeyError, TypeError):
        text = outcome.text.strip()[:200] or outcome.reason_phrase
        return RecfunnelError(
            f"the answer {outcome.status_code} is not in the form of recfunnel: {text}",
            status=outcome.status_code,
        )


def decode_json(response: httpx.Response) -> Any:
    """Return the body of a success.

    Raises:
        RecfunnelError: The body is not JSON, so something else than recfunnel answered.
    """
    try:
        return json.loads(response.content)
    except ValueError as error:
        raise RecfunnelError(
            f"{response.url} did not answer with JSON; check that the address is that of recfunnel",
            status=response.status_code,
        ) from error


def _error_of_body(status: int, body: dict[str, Any]) -> RecfunnelError:
    faults = [FaultDetail(one["field"], one["message"]) for one in body.get("faults") or ()]
    return RecfunnelError(
        body["message"],
        status=status,
        code=body["code"],
        field=body.get("field"),
        errors=tuple(faults),
    )
