from dataclasses import fields, replace

import numpy as np
import pytest

from app.catalogue.ids import IdIndex
from offline.data.dataset import Dataset, DataTraits, Log
from offline.models.registry import RecallConfig, build_users, fit_models
from tests.unit.models.logs import DAY, EMPTY, SHAPE, catalogue, constant, log_of, random_log


def dataset(log, shape=SHAPE, *, explicit=True, timed=True):
    table = np.eye(shape[1], 3, dtype=np.uint8)
    return Dataset(
        name="small",
        users=IdIndex.of([f"{u:02d}" for u in range(shape[0])]),
        attributes={"sex": np.array(["f", "m", ""])[np.arange(shape[0]) % 3]},
        catalogue=catalogue([f"title {i}" for i in range(shape[1])], table),
        log=log,
        traits=DataTraits(explicit, 4.0, timed),
        friends=np.empty((0, 2), np.int32),
    )


def arrays(part):
    """Every array of the artifacts, by place."""
    if isinstance(part, np.ndarray):
        return [part.tobytes()]
    if isinstance(part, dict):
        return [x for key in sorted(part) for x in arrays(part[key])]
    if hasattr(part, "__dataclass_fields__"):
        return [x for f in fields(part) for x in arrays(getattr(part, f.name))]
    return [repr(part).encode()]


FADING = {"item_cf", "user_cf", "ease", "rp3beta", "transitions", "session_knn", "segments"}
LEARNT = {"als", "bpr", "sgd", "als_explicit"}


def all_of_half_life(half_life, **chosen):
    config = RecallConfig(**chosen)
    config = replace(config, session_knn=replace(config.session_knn, pause=np.inf))
    parts = {name: getattr(config, name) for name in FADING | LEARNT}
    return replace(
        config, **{name: replace(part, half_life=half_life) for name, part in parts.items()}
    )


def models(log, config=None, at=30 * DAY, **traits):
    return fit_models(dataset(log, **traits), log, config or RecallConfig(), at)


def test_two_runs_give_the_same_bits_and_each_factorisation_its_own():
    log, kinds = random_log(0), [RecallConfig(seed=5, factorisation=kind) for kind in LEARNT]
    one, *others = (models(log, kind) for kind in kinds)
    assert arrays(one) == arrays(models(log, kinds[0]))
    assert len({each.factors.items.tobytes() for each in (one, *others)}) == len(LEARNT)


def test_whatever_happens_later_changes_nothing():
    log, at = random_log(0, m=80), 15 * DAY
    later = np.flatnonzero(log.times >= at)
    shuffled = np.arange(len(log))
    shuffled[later] = np.random.default_rng(0).permutation(later)
    other = Log(
        log.users[shuffled],
        log.items[shuffled],
        log.values[shuffled],
        log.weights[shuffled],
        log.times,
    )
    one = fit_models(dataset(log), log.before(at), RecallConfig(), at)
    two = fit_models(dataset(other), other.before(at), RecallConfig(), at)
    assert 0 < len(later) < len(log)
    assert other.users.tobytes() != log.users.tobytes()
    assert arrays(one) == arrays(two)


def test_a_log_that_knows_the_future_is_refused():
    with pytest.raises(ValueError, match=r"fit on log\.before\(at\)"):
        models(random_log(0), at=3 * DAY)


def test_the_newest_event_may_be_of_the_moment_itself():
    log = random_log(0)
    assert models(log, at=float(log.times[-1])).popularity.at == log.times[-1]


@pytest.mark.parametrize(
    ("log", "shape"),
    [
        (EMPTY, SHAPE),
        (EMPTY, (0, 1)),
        (log_of((0, 0, 5, 1, 0)), (1, 1)),
        (log_of((0, 0, 5, 1, 0), (0, 1, 3, 0, 1)), (1, 2)),
        (log_of((0, 0, 5, 1, 0), (1, 0, 1, -1, 1)), (2, 1)),
        (constant(random_log(1)), SHAPE),
    ],
)
def test_the_smallest_logs_work(log, shape):
    found = models(log, shape=shape)
    assert len(found.factors.items) == len(found.content.items) == shape[1]
    names = {"item_cf", "raters", "ease", "rp3beta", "transitions"}
    assert {name: len(table) for name, table in found.tables.items()} == dict.fromkeys(
        names, shape[1]
    )
    assert len(found.users.indptr) == shape[0] + 1
    for part in (found.factors.items, found.content.items, found.segments.share):
        assert np.isfinite(part).all()


def test_raters_are_centred_only_where_values_are_ratings_that_vary():
    log = random_log(0)
    explicit, implicit = models(log), models(log, explicit=False)
    assert explicit.centred
    assert not implicit.centred
    assert not models(constant(log)).centred
    assert (explicit.tables["raters"].weights < 0).any()
    assert (implicit.tables["raters"].weights > 0).all()


@pytest.mark.parametrize("name", sorted(FADING | LEARNT))
def test_every_model_can_let_old_events_fade(name):
    log = random_log(0)
    steady = all_of_half_life(np.inf, factorisation=name if name in LEARNT else "als")
    fading = replace(steady, **{name: replace(getattr(steady, name), half_life=DAY)})
    one, two = models(log, steady), models(log, fading)
    table = {"user_cf": "raters"}.get(name, name)
    if name in LEARNT:
        assert arrays(one.factors) != arrays(two.factors)
        assert arrays(one.tables) == arrays(two.tables)
    elif name == "segments":
        assert arrays(one.segments) != arrays(two.segments)
    elif name == "session_knn":
        assert arrays(one.visits) != arrays(two.visits)
    else:
        changed = {t for t in one.tables if arrays(one.tables[t]) != arrays(two.tables[t])}
        assert changed == {table}


def test_without_timestamps_nothing_fades():
    log = random_log(0)
    fading, steady = all_of_half_life(DAY), all_of_half_life(np.inf)
    assert arrays(models(log, fading, timed=False)) == arrays(models(log, steady))


def test_a_users_history_holds_all_events_newest_first_and_of_one_second_in_row_order():
    log = log_of((1, 5, 4, 1, 0), (0, 7, 1, -1, 5), (0, 2, 3, 0, 5), (1, 5, 2, -1, 9))
    ids = IdIndex.of(["a", "b", "c"])
    found = build_users(log, ids, np.zeros((3, 1), np.int32))
    first, second = found.history(0), found.history(1)
    assert (first.rows.tolist(), first.weights.tolist()) == ([2, 7], [0, -1])
    assert (second.rows.tolist(), second.values.tolist()) == ([5, 5], [2, 4])
    assert second.times.tolist() == [9, 0]
    assert len(found.history(2)) == 0
    assert (found.rows.dtype, found.indptr.dtype) == (np.int32, np.int64)
