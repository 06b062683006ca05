"""Live histories in memory and in Redis pass one suite."""

import pytest

from app.event_weights import EventWeights
from app.state.event_writer import append_events
from app.state.histories import MemoryHistories, RedisHistories
from tests.contract.histories_contract import IDS, LIMIT, HistoriesContract
from tests.state import store, url

__all__ = ["store", "url"]  # fixtures


class TestMemoryHistories(HistoriesContract):
    @pytest.fixture
    def histories(self):
        return MemoryHistories(IDS, EventWeights(), 1000.0, LIMIT)


class AppendingRedisHistories(RedisHistories):
    async def append(self, events):
        await append_events(self.store, self.prefix, events, self.limit)


class TestRedisHistories(HistoriesContract):
    @pytest.fixture
    def histories(self, store):
        return AppendingRedisHistories(store, "t", IDS, EventWeights(), 1000.0, LIMIT)
