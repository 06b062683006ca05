"""A request that is not sent yet, and how its answer is read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from types import UnionType
from typing import Any, Generic, TypeVar, cast, get_args, get_origin, get_type_hints
from urllib.parse import quote

import httpx

from recfunnel_client.errors import RecfunnelError, decode_json, error_of

T = TypeVar("T")
Id = str | int  # of a user or an item


@dataclass(frozen=True)
class Call(Generic[T]):
    """What to send, and the type of the answer. It knows neither of connections nor of retries."""

    method: str
    path: str
    answer: type[T]
    params: Mapping[str, Any] = field(default_factory=dict)  # those that are None are not sent
    body: Any = None  # None: no body

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of ``request`` of an httpx client."""
        params = {name: value for name, value in self.params.items() if value is not None}
        body = {} if self.body is None else {"json": self.body}
        return {"method": self.method, "url": self.path, "params": params, **body}

    def at_cursor(self, cursor: str) -> "Call[T]":
        """Return the call for the page that follows."""
        return replace(self, params={**self.params, "cursor": cursor})

    def read(self, outcome: httpx.Response | httpx.RequestError) -> T:
        """Return the answer.

        Raises:
            RecfunnelError: The service refused the request, or something else answered.
            UnreachableError: No answer came.
        """
        if isinstance(outcome, httpx.RequestError):
            raise error_of(outcome) from outcome
        if not outcome.is_success:
            raise error_of(outcome)
        if self.answer is type(None):
            return None
        body = decode_json(outcome)
        kind: Any = self.answer
        try:
            return cast("T", decoder_of(kind)(body))
        except (TypeError, AttributeError) as error:
            raise RecfunnelError(
                f"the answer of {self.method} {self.path} is no {self.answer.__name__} ({error}); "
                "check that the service is at least as new as the client",
                status=outcome.status_code,
            ) from error


def path_of(*parts: Id) -> str:
    """Return a path. Each part is one segment of it, whatever characters it has."""
    return "".join(f"/{_segment(str(part))}" for part in parts)


def _segment(text: str) -> str:
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


def without_absent(**values: Any) -> dict[str, Any]:
    """Return the values that are not None; the service has a default for each other one."""
    return {name: value for name, value in values.items() if value is not None}


def listed(values: Sequence[Any] | None) -> list[Any] | None:
    """Return a list. A text alone would be taken for a list of its letters.

    Raises:
        TypeError: The value is a text.
    """
    if isinstance(values, str):
        raise TypeError(f"{values!r} is a text, and a list of texts is needed: write [{values!r}]")
    return None if values is None else list(values)


def texts(ids: Sequence[Id] | None) -> list[str] | None:
    """Return ids as texts."""
    values = listed(ids)
    return None if values is None else [str(one) for one in values]


@cache
def decoder_of(kind: Any) -> Callable[[Any], Any]:
    """Return the function that builds a value of a type from what JSON holds."""
    if is_dataclass(kind) and isinstance(kind, type):
        return _dataclass_decoder(kind)
    arguments = get_args(kind)
    if get_origin(kind) is list:
        one = decoder_of(arguments[0])
        return lambda values: [one(value) for value in values]
    if get_origin(kind) is dict:
        one = decoder_of(arguments[1])
        return lambda values: {key: one(value) for key, value in values.items()}
    if isinstance(kind, UnionType) and len(arguments) == 2 and type(None) in arguments:  # noqa: PLR2004
        one = decoder_of(next(each for each in arguments if each is not type(None)))
        return lambda value: None if value is None else one(value)
    return lambda value: value


def _dataclass_decoder(kind: type) -> Callable[[Any], Any]:
    """Return the decoder of a class. What a newer service adds is left out."""
    hints = get_type_hints(kind)
    others = [each.name for each in fields(kind) if "others" in each.metadata]
    decoders = {each.name: decoder_of(hints[each.name]) for each in fields(kind)}

    def decode(values: Any) -> Any:
        known = {n: decoders[n](v) for n, v in values.items() if n in decoders}
        for name in others:
            known[name] = {n: v for n, v in values.items() if n not in decoders}
        return kind(**known)

    return decode
