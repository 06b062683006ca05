import numpy as np
import pytest

from app.assemble import Wiring
from app.cpu import Cpu
from app.features import FINE_VIEW, names
from app.run import NO_HURRY
from offline.data.dataset import Dataset, Log
from offline.models.fit import fit
from offline.replay import Asker, askers, build
from offline.table import RankTable, collect, join
from tests.fakes import SMALL, rows, small_dataset, small_models

DATASET = small_dataset()
START, END = (float(t) for t in np.quantile(DATASET.log.times, [0.6, 0.8]))


@pytest.fixture(scope="module")
def cpu():
    one = Cpu(threads=1)
    yield one
    one.close()


def table(*groups):
    """A table of these groups of labels, whose one feature is the row's number."""
    labels = np.array([label for group in groups for label in group], np.int32)
    features = np.arange(len(labels), dtype=np.float32)[:, None]
    return RankTable(features, labels, np.array([len(g) for g in groups], np.int64))


def test_rows_that_are_taken_shrink_their_groups_and_empty_ones_vanish():
    taken = table([1, 0, 0], [0, 1], [1, 1]).take(np.array([0, 2, 5]))
    assert taken.features[:, 0].tolist() == [0, 2, 5]
    assert taken.labels.tolist() == [1, 0, 1]
    assert taken.groups.tolist() == [2, 1]
    assert len(taken) == 3


def test_tables_are_joined_end_to_end():
    joined = join([table([1, 0]), table(), table([0], [1, 1])])
    assert joined.labels.tolist() == [1, 0, 0, 1, 1]
    assert joined.groups.tolist() == [2, 1, 2]


async def collected(cpu, dataset, users=None):
    models = fit(dataset, dataset.log.before(START), SMALL, START)
    funnel = build(models, Wiring(cpu, NO_HURRY))
    found = askers(dataset.log, START, END) if users is None else users
    return funnel, found, await collect(funnel, dataset, found, 0)


async def test_a_table_holds_all_that_was_proposed_and_marks_what_was_taken(cpu):
    _, users, found = await collected(cpu, DATASET)
    assert found.features.shape == (len(found), len(names(FINE_VIEW)))
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


async def test_no_column_knows_what_happened_later(cpu):
    """Whatever is changed after the moment of asking changes labels, never features."""
    log = DATASET.log
    later = np.flatnonzero(log.times >= START)
    order = np.arange(len(log))
    order[later] = np.random.default_rng(0).permutation(later)
    changed = Log(log.users, log.items[order], log.values[order], log.weights[order], log.times)
    other = Dataset(**{**fields(DATASET), "log": changed})
    everything = np.arange(len(DATASET.catalogue))
    users = [Asker(user, everything) for user in range(60)]
    _, _, one = await collected(cpu, DATASET, users)
    _, _, two = await collected(cpu, other, users)
    assert len(one.groups) == 60
    assert one.features.tobytes() == two.features.tobytes()


def fields(dataset):
    return {name: getattr(dataset, name) for name in Dataset.__dataclass_fields__}


async def test_what_was_known_before_is_seen_in_the_columns(cpu):
    _, _, early = await collected(cpu, DATASET, [Asker(3, np.arange(80))])
    late = build(small_models(), Wiring(cpu, NO_HURRY))
    found = await collect(late, DATASET, [Asker(3, np.arange(80))], 0)
    column = names(FINE_VIEW).index("user_events")
    assert found.features[0, column] > early.features[0, column]


@pytest.mark.parametrize("users", [[], [Asker(3, rows())], [Asker(3, rows()), Asker(4, rows())]])
async def test_where_nothing_proposed_was_taken_the_table_is_empty_but_joins(cpu, users):
    _, _, nothing = await collected(cpu, DATASET, users)
    assert (len(nothing), nothing.groups.tolist()) == (0, [])
    _, _, something = await collected(cpu, DATASET, [Asker(3, np.arange(80))])
    assert len(join([nothing, something])) == len(something)
    assert join([nothing, something]).features.dtype == np.float32
