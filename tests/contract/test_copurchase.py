"""A channel that is registered from outside the package: its list, its columns, its settings.

Inside the package the same channel takes three files: ``offline/models/copurchase.py`` (how its
table is fitted), one line in ``offline/models/registry.py`` and one line in
``app/recall/registry.py``. A channel that is no item-item table has a file in ``app/recall/`` in
place of the model, or beside it. The columns, the monotone constraints, the settings, the metrics
and the reference pages (``python -m app.recall.registry``, ``python -m app.features.views``)
follow from the registry.
"""

from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest

from app.build import FunnelConfig
from app.deadline import NO_CHECKPOINTS
from app.features.views import COARSE_VIEW, coarse_view, column_names, fine_view, view_hash
from app.recall.registry import (
    BUILT_IN,
    ENTRY_POINTS,
    ChannelError,
    load_channels,
    read_channel_configs,
)
from offline.training.past_requests import build_offline_funnel
from tests.contract.copurchase import CHANNEL, fit_table
from tests.fakes import ITEMS, request, small_dataset, small_models


def entry_point(value, name="copurchase"):
    return EntryPoint(name, value, ENTRY_POINTS)


@pytest.fixture(scope="module")
def specs():
    return load_channels([entry_point("tests.contract.copurchase:CHANNEL")])


@pytest.fixture(scope="module")
def models():
    table = fit_table(small_dataset().log, ITEMS)
    return replace(small_models(), tables={**small_models().tables, CHANNEL.name: table})


@pytest.fixture
def build(models, specs, cpu):
    def build_with(**settings):
        channels = read_channel_configs({CHANNEL.name: settings}, specs)
        config = FunnelConfig(cpu, NO_CHECKPOINTS, channels=channels, specs=specs)
        return build_offline_funnel(models, config)

    return build_with


async def test_its_proposals_are_ranked_by_its_columns(build, specs):
    slate = await build().recommend(request("u03"))
    proposal = slate.proposals[len(BUILT_IN)]
    assert len(proposal) > 0
    assert "recall.copurchase" in {result.stage for result in slate.results}
    assert all(result.outcome == "ok" for result in slate.results)
    names = column_names(fine_view(specs))
    assert slate.fine.features.shape[1] == len(names)
    best = slate.merged.rows.tolist().index(proposal.rows[0])
    features = build().coarse.features.build(slate.query, slate.merged)
    assert features[best, names.index("copurchase_rank")] == pytest.approx(1 / 10)
    assert features[best, names.index("copurchase_z")] > 0


async def test_its_settings_are_those_of_every_item_table_channel(build):
    limited = await build(limit=2, n_events=5).recommend(request("u03", 1))
    assert len(limited.proposals[len(BUILT_IN)]) == 2
    off = await build(enabled=False).recommend(request("u03"))
    assert len(off.proposals[len(BUILT_IN)]) == 0


def test_its_columns_have_its_name_and_change_the_fingerprint_of_the_views(specs):
    added = set(column_names(coarse_view(specs))) - set(column_names(COARSE_VIEW))
    assert added == set(CHANNEL.columns) == {"copurchase_rank", "copurchase_z"}
    assert view_hash(coarse_view(specs), fine_view(specs)) != view_hash()


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        ([entry_point("tests.contract.copurchase:fit_table")], "is no ChannelSpec"),
        ([entry_point("tests.contract.copurchase:CHANNEL", name) for name in "ab"], "exists"),
    ],
)
def test_an_entry_point_that_cannot_be_registered_is_named(plugins, message):
    with pytest.raises(ChannelError, match=message):
        load_channels(plugins)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"copurchases": {}}, "there is no channel copurchases; there are item_cf"),
        ({"copurchase": {"decoy": 1}}, "the channel copurchase has no setting decoy; it has"),
        ({"copurchase": {"limit": 0}}, "the setting limit of the channel copurchase cannot be 0"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(specs, settings, message):
    with pytest.raises(ChannelError, match=message):
        read_channel_configs(settings, specs)
