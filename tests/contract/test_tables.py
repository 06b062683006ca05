"""Similarity tables in memory and in Redis pass one suite."""

import pytest

from app.state.table_readers import MappedTables, RedisTables
from app.state.tables import load_tables
from tests.contract.tables_contract import SMALL, TablesContract
from tests.state import store, url

__all__ = ["store", "url"]  # fixtures


class TestMappedTables(TablesContract):
    @pytest.fixture
    def spans(self):
        async def read(table, rows):
            return MappedTables(SMALL).spans(table, rows)

        return read


@pytest.mark.parametrize("capacity", [0, 1, 1_000])
class TestRedisTables(TablesContract):
    @pytest.fixture
    async def spans(self, store, capacity):
        await load_tables(store, "t", "b1", SMALL)
        return RedisTables(store, "t", "b1", capacity).read
