import numpy as np
import pytest

from app.build import FunnelConfig
from app.deadline import NO_CHECKPOINTS
from app.features.views import FINE_VIEW, column_names
from offline.data.dataset import Dataset, Log
from offline.models.registry import fit_models
from offline.training.past_requests import ActiveUser, build_offline_funnel, find_active_users
from offline.training.rank_table import concatenate
from offline.training.row_collection import collect_rows
from tests.fakes import SMALL, rows, small_dataset, small_models

DATASET = small_dataset()
START, END = (float(t) for t in np.quantile(DATASET.log.times, [0.6, 0.8]))


async def collected(cpu, dataset, users=None, seed=0, **sampled):
    models = fit_models(dataset, dataset.log.before(START), SMALL, START)
    funnel = build_offline_funnel(models, FunnelConfig(cpu, NO_CHECKPOINTS))
    found = find_active_users(dataset.log, START, END) if users is None else users
    return funnel, found, await collect_rows(funnel, dataset, found, seed, **sampled)


async def test_a_table_of_few_items_holds_all_that_was_proposed_and_marks_what_was_taken(cpu):
    _, users, found = await collected(cpu, DATASET)
    assert found.features.shape == (len(found), len(column_names(FINE_VIEW)))
    assert found.features.dtype == np.float32
    assert 0 < found.labels.sum() < len(found)
    assert found.groups.sum() == len(found)
    at = 0
    for size in found.groups:
        assert found.labels[at : at + size].sum() > 0
        at += size
    relevant = sum(len(user.relevant) for user in users)
    assert found.labels.sum() <= relevant
    assert found.labels.sum() > 0.5 * relevant  # so small a catalogue is proposed almost whole


async def test_a_table_made_twice_is_the_same_to_the_bit(cpu):
    (_, _, one), (_, _, two) = [await collected(cpu, DATASET) for _ in range(2)]
    assert one.features.tobytes() == two.features.tobytes()
    assert one.labels.tobytes() == two.labels.tobytes()


def by_group(whole):
    """The rows of each group, as (label, features to the bit), in order."""
    rows = [
        (int(label), row.tobytes()) for label, row in zip(whole.labels, whole.features, strict=True)
    ]
    ends = np.cumsum(whole.groups)
    return [rows[end - size : end] for end, size in zip(ends, whole.groups, strict=True)]


def negatives(group):
    return [row for label, row in group if not label]


async def test_of_what_was_left_a_sample_of_each_group_is_kept_and_of_what_was_taken_all(cpu):
    _, _, whole = await collected(cpu, DATASET, negatives=10_000)
    _, _, few = await collected(cpu, DATASET, negatives=10)
    assert whole.groups.mean() > 40
    assert len(few.groups) == len(whole.groups)
    for all_of_it, kept in zip(by_group(whole), by_group(few), strict=True):
        assert [row for row in all_of_it if row[0]] == [row for row in kept if row[0]]
        chosen = set(kept)
        assert [row for row in all_of_it if row in chosen] == kept
        assert len(negatives(kept)) < 25
    left = [len(negatives(kept)) for kept in by_group(few)]
    share = 1 - whole.labels.mean()  # about ten of each hundred, taken ones among them
    assert np.mean(left) == pytest.approx(10 * share, rel=0.15)


async def test_negatives_are_drawn_from_the_whole_list_and_by_the_seed(cpu):
    """Hard ones alone would teach a ranker that what looks good is bad."""
    _, _, whole = await collected(cpu, DATASET, negatives=10_000)
    tables = [(await collected(cpu, DATASET, seed=s, negatives=20))[2] for s in (0, 0, 1)]
    assert tables[0].features.tobytes() == tables[1].features.tobytes()
    assert tables[0].features.tobytes() != tables[2].features.tobytes()
    fused = column_names(FINE_VIEW).index("fused")
    found = [np.median(t.features[t.labels == 0, fused]) for t in (whole, *tables)]
    assert found[1:] == pytest.approx([found[0]] * 3, rel=0.05)


async def test_no_column_knows_what_happened_later(cpu):
    """Whatever is changed after the moment of asking changes labels, never features."""
    log = DATASET.log
    later = np.flatnonzero(log.times >= START)
    order = np.arange(len(log))
    order[later] = np.random.default_rng(0).permutation(later)
    changed = Log(log.users, log.items[order], log.values[order], log.weights[order], log.times)
    other = Dataset(**{**fields(DATASET), "log": changed})
    everything = np.arange(len(DATASET.catalogue))
    users = [ActiveUser(user, everything) for user in range(60)]
    _, _, one = await collected(cpu, DATASET, users)
    _, _, two = await collected(cpu, other, users)
    assert len(one.groups) == 60
    assert one.features.tobytes() == two.features.tobytes()


def fields(dataset):
    return {name: getattr(dataset, name) for name in Dataset.__dataclass_fields__}


async def test_what_was_known_before_is_seen_in_the_columns(cpu):
    _, _, early = await collected(cpu, DATASET, [ActiveUser(3, np.arange(80))])
    late = build_offline_funnel(small_models(), FunnelConfig(cpu, NO_CHECKPOINTS))
    found = await collect_rows(late, DATASET, [ActiveUser(3, np.arange(80))], 0)
    column = column_names(FINE_VIEW).index("user_events")
    assert found.features[0, column] > early.features[0, column]


@pytest.mark.parametrize(
    "users", [[], [ActiveUser(3, rows())], [ActiveUser(3, rows()), ActiveUser(4, rows())]]
)
async def test_where_nothing_proposed_was_taken_the_table_is_empty_but_joins(cpu, users):
    _, _, nothing = await collected(cpu, DATASET, users)
    assert (len(nothing), nothing.groups.tolist()) == (0, [])
    _, _, something = await collected(cpu, DATASET, [ActiveUser(3, np.arange(80))])
    assert len(concatenate([nothing, something])) == len(something)
    assert concatenate([nothing, something]).features.dtype == np.float32
