"""Similarity tables in memory and in Redis pass one suite."""

import pytest

from app.state.tables import MemoryTables, RedisTables, load_tables
from tests.contract.tables_contract import SMALL, TablesContract
from tests.state import store, url

__all__ = ["store", "url"]  # fixtures


class TestMemoryTables(TablesContract):
    @pytest.fixture
    def tables(self):
        return MemoryTables(SMALL)


class TestRedisTables(TablesContract):
    @pytest.fixture
    async def tables(self, store):
        await load_tables(store, "t", "b1", SMALL)
        return RedisTables(store, "t", "b1")
