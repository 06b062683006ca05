"""A route whose query string is validated by its own model, and by nothing else.

FastAPI's general machinery for dependencies costs more than a whole recall stage. The signature
still makes the documentation; the model still decides what is valid.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError
from typing_extensions import override

from app.api.schemas import RecommendQuery

LISTS = frozenset({"exclude"})  # parameters that may be given more than once


class DirectRoute(APIRoute):
    """Calls its endpoint with the request and the ``RecommendQuery`` of its query string."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give what answers a request."""

        async def handler(http: Request) -> Response:
            answer: Response = await self.endpoint(http, parsed(http))
            return answer

        return handler


def parsed(http: Request) -> RecommendQuery:
    """Read the query string.

    Raises:
        RequestValidationError: it is not valid.
    """
    given: dict[str, Any] = {}
    for name, value in http.query_params.multi_items():
        if name in LISTS:
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    try:
        return RecommendQuery.model_validate(given)
    except ValidationError as error:
        faults = [{**fault, "loc": ("query", *fault["loc"])} for fault in error.errors()]
        raise RequestValidationError(faults) from error
