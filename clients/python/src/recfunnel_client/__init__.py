"""The client of recfunnel: lists, events, items and users over HTTP."""

from recfunnel_client.bodies import EventIn, InlineEvent, ItemBody, ItemIn, UserIn
from recfunnel_client.client import AsyncClient, Client
from recfunnel_client.errors import RecfunnelError, UnreachableError
from recfunnel_client.event_buffer import AsyncEventBuffer, EventBuffer
from recfunnel_client.event_queue import DroppedEvent
from recfunnel_client.retry import Retry

__all__ = [
    "AsyncClient",
    "AsyncEventBuffer",
    "Client",
    "DroppedEvent",
    "EventBuffer",
    "EventIn",
    "InlineEvent",
    "ItemBody",
    "ItemIn",
    "RecfunnelError",
    "Retry",
    "UnreachableError",
    "UserIn",
]
