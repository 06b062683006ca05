"""Send rows to the service's Gorse API; find the rows that it refuses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from offline.data.errors import DataError
from offline.gorse_import.patience import Patience
from offline.gorse_import.source import GorseRow, RowKind

ROUTES: Mapping[RowKind, tuple[str, str]] = {  # method, path
    "users": ("POST", "/api/users"),
    "items": ("POST", "/api/items"),
    "feedback": ("PUT", "/api/feedback"),  # replaces: a repeated batch adds no value twice
}
NAMES: Mapping[RowKind, Sequence[str]] = {
    "users": ("UserId",),
    "items": ("ItemId",),
    "feedback": ("FeedbackType", "UserId", "ItemId"),
}
REFUSED = {400, 413, 422}  # of rows; the others are about all of them
FULL, SERVER_ERROR, TOO_MANY = 507, 500, 429


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that the service did not take, and why."""

    name: str  # kind and ids
    reason: str
    row: GorseRow


@dataclass(frozen=True, slots=True)
class GorseTarget:
    """The service to which rows are sent."""

    client: httpx.Client  # with the address and the key
    patience: Patience

    def send(self, kind: RowKind, rows: Sequence[GorseRow]) -> list[RefusedRow]:
        """Store rows; return those that were refused.

        Raises:
            DataError: The service takes none, or cannot be reached.
        """
        return list(self._send(kind, rows)) if rows else []

    def _send(self, kind: RowKind, rows: Sequence[GorseRow]) -> Iterator[RefusedRow]:
        """Yield the refused rows: a body with one is refused as a whole, so it is halved."""
        response = self._request(*ROUTES[kind], rows)
        if response.is_success:
            return
        if response.status_code not in REFUSED:
            raise DataError(self._sentence(response))
        if len(rows) == 1:
            name = " ".join(str(rows[0].get(field)) for field in NAMES[kind])
            yield RefusedRow(f"{kind} {name}", response.text, rows[0])
            return
        middle = len(rows) // 2
        yield from self._send(kind, rows[:middle])
        yield from self._send(kind, rows[middle:])

    def _sentence(self, response: httpx.Response) -> str:
        """Return what to do about a service that takes no row."""
        url, status = self.client.base_url, response.status_code
        if status in {404, 405}:
            return (
                f"{url} does not answer Gorse's API: set gorse_api = true for the service and "
                "restart it"
            )
        if status in {401, 403}:
            return f"{url} refuses the key ({response.text}): name one that may write with --to-key"
        if status == FULL:
            return f"{url} has no room: {response.text}; then run the same command again"
        return f"{url} answers {status} ({response.text}); run the same command again to continue"

    def _request(self, method: str, path: str, rows: Sequence[GorseRow]) -> httpx.Response:
        """Send a body, again and again while the service is busy or unreachable."""
        body, headers = orjson.dumps(list(rows)), {"Content-Type": "application/json"}
        return self.patience.send(
            lambda: self.client.request(method, path, content=body, headers=headers),
            lambda status: status == TOO_MANY or (status >= SERVER_ERROR and status != FULL),
            reconnects=True,
        )

    def attribute_names(self) -> set[str] | None:
        """Return the attributes of items that the bundle in service has; none if it has no item.

        None: the service does not answer. All rows are there, so that is no reason to fail.
        """
        try:
            listed = self.client.get("/api/items", params={"n": 1})
            items: list[dict[str, Any]] = listed.json()["Items"] if listed.is_success else []
            if not items:
                return set()
            item = self.client.get(f"/items/{quote(items[0]['ItemId'], safe='')}")
            return set(item.json()["attributes"]) if item.is_success else set()
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None
