"""Every registered channel and every fake keeps the contract of channels."""

import pytest

from app.recall.channel import ChannelInputs
from app.recall.registry import CHANNEL_SPECS
from app.recall.social import NoFriendEvents
from app.recall.vectors import flat_indexes
from app.state.counters import PopularityCounters
from app.state.table_readers import MappedTables
from tests.contract.channel_contract import MODELS, ChannelContract
from tests.contract.copurchase import CHANNEL as COPURCHASE
from tests.contract.copurchase import fit_table
from tests.fakes import FakeChannel, FakeLocalChannel, proposal, small_dataset


@pytest.fixture(scope="module")
def inputs(cpu):
    copurchase = fit_table(small_dataset().log, len(MODELS.catalogue))
    return ChannelInputs(
        models=MODELS,
        indexes=flat_indexes(MODELS),
        counters=PopularityCounters.of(MODELS),
        tables=MappedTables({**MODELS.tables, COPURCHASE.name: copurchase}),
        friend_events=NoFriendEvents(),
        cpu=cpu,
    )


class TestRegisteredChannels(ChannelContract):
    @pytest.fixture(params=[*CHANNEL_SPECS, COPURCHASE], ids=lambda spec: spec.name)
    def channel(self, request, inputs):
        channel = request.param.build(request.param.config, inputs)
        assert channel.name == request.param.name
        return channel


class TestFakeChannel(ChannelContract):
    @pytest.fixture
    def channel(self):
        return FakeChannel("fake", proposal(*range(40, 60)))


class TestFakeLocalChannel(ChannelContract):
    @pytest.fixture
    def channel(self):
        return FakeLocalChannel("fake", proposal(*range(40, 60)))
