"""The clients: one that waits for answers, and one for an event loop."""

import asyncio
import ssl
import time
from types import TracebackType
from typing import Any, TypeVar

import httpx

from recfunnel_client import events, lists
from recfunnel_client import items as item_calls
from recfunnel_client import trainings as training_calls
from recfunnel_client import users as user_calls
from recfunnel_client.answers import ItemPage, MatchingItem, MatchingUser, UserPage
from recfunnel_client.call import Call
from recfunnel_client.operation import Awaited, Listing, Operation, Waiting
from recfunnel_client.retry import Retry

T = TypeVar("T")
TIMEOUT = 10.0  # seconds; a list takes 0.1 s at most, a bulk of items some seconds


def _items_of(page: ItemPage) -> list[MatchingItem]:
    return page.items


def _users_of(page: UserPage) -> list[MatchingUser]:
    return page.users


class Operations:
    """The operations of the service, which both clients have."""

    recommend = Operation(lists.recommend)
    rank = Operation(lists.rank)
    similar = Operation(lists.similar)
    bought_together = Operation(lists.bought_together)
    popular = Operation(lists.popular)
    trending = Operation(lists.trending)
    explain = Operation(lists.explain)

    send = Operation(events.send)
    newest_events = Operation(events.newest_events)

    put_item = Operation(item_calls.put_item)
    patch_item = Operation(item_calls.patch_item)
    put_items = Operation(item_calls.put_items)
    item = Operation(item_calls.item)
    item_counts = Operation(item_calls.item_counts)
    delete_item = Operation(item_calls.delete_item)
    items = Listing(item_calls.items_page, _items_of)

    put_user = Operation(user_calls.put_user)
    patch_user = Operation(user_calls.patch_user)
    put_users = Operation(user_calls.put_users)
    user = Operation(user_calls.user)
    user_history = Operation(user_calls.user_history)
    delete_user = Operation(user_calls.delete_user)
    erasure = Operation(user_calls.erasure)
    put_friends = Operation(user_calls.put_friends)
    put_blocked = Operation(user_calls.put_blocked)
    blocked = Operation(user_calls.blocked)
    onboarding = Operation(user_calls.onboarding)
    send_picks = Operation(user_calls.send_picks)
    users = Listing(user_calls.users_page, _users_of)

    start_training = Operation(training_calls.start_training)
    trainings = Operation(training_calls.trainings)
    training = Operation(training_calls.training)
    cancel_training = Operation(training_calls.cancel_training)


class Client(Operations, Waiting):
    """A client that waits for each answer. Threads may share it. Close it, or use ``with``.

    Args:
        url: The address of the service, such as ``http://127.0.0.1:8000``.
        api_key: Sent with every request as ``X-API-Key``, if the service has keys.
        timeout: Seconds for each attempt to connect, and for each pause within an answer.
        retry: When a request is sent again.
        verify: Whether, or with what, the certificate of the service is checked.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = TIMEOUT,
        retry: Retry | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self.retry = retry or Retry()
        self._http = httpx.Client(**_options(url, api_key), timeout=timeout, verify=verify)

    def perform(self, call: Call[T]) -> T:
        """Send a call until it has an answer or may not be sent again. See ``Call.read``."""
        n_sent = 0
        outcome: httpx.Response | httpx.RequestError
        while True:
            try:
                outcome = self._http.request(**call.arguments())
            except httpx.RequestError as error:
                outcome = error
            n_sent += 1
            pause = self.retry.pause(n_sent, outcome)
            if pause is None:
                return call.read(outcome)
            time.sleep(pause)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(Operations, Awaited):
    """A client for an event loop. Its arguments are those of ``Client``."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = TIMEOUT,
        retry: Retry | None = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self.retry = retry or Retry()
        self._http = httpx.AsyncClient(**_options(url, api_key), timeout=timeout, verify=verify)

    async def perform(self, call: Call[T]) -> T:
        """Send a call until it has an answer or may not be sent again. See ``Call.read``."""
        n_sent = 0
        outcome: httpx.Response | httpx.RequestError
        while True:
            try:
                outcome = await self._http.request(**call.arguments())
            except httpx.RequestError as error:
                outcome = error
            n_sent += 1
            pause = self.retry.pause(n_sent, outcome)
            if pause is None:
                return call.read(outcome)
            await asyncio.sleep(pause)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


def _options(url: str, api_key: str | None) -> dict[str, Any]:
    """Return what both kinds of httpx client are made of."""
    headers = {"User-Agent": "recfunnel-client"} | ({"X-API-Key": api_key} if api_key else {})
    return {"base_url": url, "headers": headers}
