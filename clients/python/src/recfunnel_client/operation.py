"""Operations: the same table of calls serves the client that waits and the one that is awaited.

A call is built by one function. The client on which the operation is looked up performs it. So each
operation has one signature and one definition, and type checkers know both kinds of answer.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from recfunnel_client.call import Call

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E")


class Page(Protocol):
    """A part of a listing."""

    @property
    def cursor(self) -> str | None:
        """Where the next page begins; None after the last."""


PageT = TypeVar("PageT", bound=Page)


class Waiting(ABC):
    """What performs a call, and returns when its answer is there."""

    @abstractmethod
    def perform(self, call: Call[T]) -> T:
        """Send the call, and return its answer."""


class Awaited(ABC):
    """What performs a call in an event loop."""

    @abstractmethod
    async def perform(self, call: Call[T]) -> T:
        """Send the call, and return its answer."""


class Operation(Generic[P, T]):
    """A method of both clients, from the function that builds its call."""

    def __init__(self, build: Callable[P, Call[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, client: Waiting, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaited, owner: type) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, client: None, owner: type) -> Callable[P, Call[T]]: ...
    def __get__(self, client: Any, owner: type) -> Callable[P, Any]:
        build = self._build
        if client is None:
            return build

        @wraps(build)
        def operation(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.perform(build(*args, **kwargs))

        return operation


class Listing(Generic[P, PageT, E]):
    """A method of both clients that yields the entries of all pages, and asks when it needs one."""

    def __init__(
        self, build: Callable[P, Call[PageT]], entries: Callable[[PageT], list[E]]
    ) -> None:
        self._build = build
        self._entries = entries
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, client: Waiting, owner: type) -> Callable[P, Iterator[E]]: ...
    @overload
    def __get__(self, client: Awaited, owner: type) -> Callable[P, AsyncIterator[E]]: ...
    @overload
    def __get__(self, client: None, owner: type) -> Callable[P, Call[PageT]]: ...
    def __get__(self, client: Any, owner: type) -> Callable[P, Any]:
        build = self._build
        if client is None:
            return build
        pages = self._pages if isinstance(client, Waiting) else self._awaited_pages

        @wraps(build)
        def listing(*args: P.args, **kwargs: P.kwargs) -> Any:
            return pages(client, build(*args, **kwargs))

        return listing

    def _pages(self, client: Waiting, call: Call[PageT]) -> Iterator[E]:
        page = client.perform(call)
        yield from self._entries(page)
        while page.cursor:
            page = client.perform(call.at_cursor(page.cursor))
            yield from self._entries(page)

    async def _awaited_pages(self, client: Awaited, call: Call[PageT]) -> AsyncIterator[E]:
        page = await client.perform(call)
        for entry in self._entries(page):
            yield entry
        while page.cursor:
            page = await client.perform(call.at_cursor(page.cursor))
            for entry in self._entries(page):
                yield entry
