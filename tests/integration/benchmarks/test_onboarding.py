"""What asking newcomers is worth, on a small world."""

import json
from dataclasses import replace

import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from app.event_weights import EventWeights
from benchmarks.quality import funnel_lists, onboarding, onboarding_answers
from benchmarks.quality.onboarding_answers import (
    POPULAR,
    RANDOM,
    SERVICE,
    build_history,
    choose_questions,
    select_onboarding_users,
)
from benchmarks.quality.windows import rolling_window
from offline.data.dataset import DataTraits
from offline.data.errors import DataError
from offline.data.readers import LoadedData
from offline.models.registry import fit_models
from offline.training.past_requests import build_offline_funnel
from tests.fakes import SMALL, small_dataset

QUESTIONS = 6  # of the 80 items of the small world, so that something is left to be liked


@pytest.fixture
def small(monkeypatch):
    """The small data set, its window of newcomers, and models frozen before they came."""
    monkeypatch.setattr(onboarding_answers, "MAX_ITEMS", QUESTIONS)
    monkeypatch.setattr(onboarding, "LENGTHS", (3, QUESTIONS))
    monkeypatch.setattr(onboarding, "CUT", 0.02)
    dataset = small_dataset()
    window = rolling_window(dataset.log, 0.02, 0.98)
    return dataset, window, fit_models(dataset, window.log, SMALL, window.cut)


def test_answers_are_what_new_users_do_later(small):
    dataset, window, models = small
    result = select_onboarding_users(dataset, window, models)
    assert len(result.users)
    assert not set(result.users) & set(window.log.users)
    later = dataset.log.between(window.cut, np.inf)
    for line, user in enumerate(result.users):
        own = later.take(later.users == user)
        says = dict(zip(own.items.tolist(), np.sign(own.weights).tolist(), strict=True))
        items = result.questions[POPULAR][line]
        assert result.answers_to(POPULAR, 3)[line].tolist() == [says.get(i, 0) for i in items[:3]]
    spoken = np.concatenate([result.answers_to(way, QUESTIONS) for way in result.questions])
    assert set(np.unique(spoken)) == {-1, 0, 1}


def test_the_items_of_all_questions_are_not_relevant(small):
    result = select_onboarding_users(*small)
    assert set(result.questions) == {SERVICE, POPULAR, RANDOM}
    assert (result.relevant.sizes > 0).all()
    for line, items in enumerate(result.all_questions()):
        rows = result.relevant.rows[result.relevant.indptr[line] : result.relevant.indptr[line + 1]]
        assert not set(items) & set(rows)
        assert (result.opinions[line, rows] == 1).all()


def test_random_questions_differ_by_user_and_popular_ones_are_the_same(small):
    _, _, models = small
    items = choose_questions(models, 5)
    assert all(rows.shape == (5, QUESTIONS) for rows in items.values())
    assert (items[POPULAR] == items[POPULAR][0]).all()
    assert (items[RANDOM] != items[RANDOM][0]).any()
    assert (models.popularity.liked[-1][items[POPULAR][0]].min()) >= np.sort(
        models.popularity.liked[-1]
    )[-QUESTIONS]


def test_answers_become_the_events_that_the_service_makes_of_them():
    dataset = small_dataset()
    answers = build_history(
        dataset,
        EventWeights(explicit=True),
        np.array([4, 5, 6]),
        np.array([-1, 0, 1], np.int8),
        time=9.0,
    )
    assert answers.rows.tolist() == [6, 4]
    assert answers.weights.tolist() == [1.0, -1.0]
    assert answers.values.tolist() == [4.0, 2.0]
    assert answers.times.tolist() == [9.0, 9.0]


def test_data_without_new_users_is_refused_with_a_reason(small):
    dataset, window, models = small
    nobody = replace(window, users=np.unique(window.log.users).astype(np.int64)[:1])
    nobody = replace(nobody, relevant=window.relevant.take(np.array([0])))
    with pytest.raises(DataError, match="choose an earlier cut"):
        select_onboarding_users(dataset, nobody, models)


def invoke(*arguments):
    program = typer.Typer()
    program.command()(onboarding.main)
    return CliRunner().invoke(program, [str(argument) for argument in arguments])


def test_every_user_is_evaluated_with_and_without_answers(small, monkeypatch, tmp_path):
    dataset, window, models = small
    times = []

    def untrained(_dataset, of_window, _config, wiring):
        times.append(float(of_window.log.times[-1]))
        return build_offline_funnel(models, wiring)

    def reading(_data, max_bad_share):
        assert max_bad_share
        return LoadedData(dataset, EventWeights(explicit=True), "csv", (), None)

    monkeypatch.setattr(funnel_lists, "train_funnel", untrained)
    monkeypatch.setattr(onboarding, "load_dataset", reading)
    ended = invoke("--data", "small", "--results", tmp_path)
    assert ended.exit_code == 0, ended.output
    assert times[0] < window.cut
    result = json.loads((tmp_path / "onboarding-small.json").read_text())
    lines = {(line["way"], line["items"]): line for line in result["questions"]}
    assert len(lines) == 2 + 3 * 2
    assert lines[onboarding.NO_QUESTIONS, 0]["gain"]["mean"] == 0
    assert lines[POPULAR, 3]["to most popular"]["mean"] == 0
    for way in (SERVICE, POPULAR, RANDOM):
        few, many = lines[way, 3], lines[way, QUESTIONS]
        assert few["likes"] <= many["likes"]
        assert 0 < few["answering"] <= many["answering"] <= 1
        assert any(lines[way, n]["gain"]["mean"] != 0 for n in (3, QUESTIONS))
    console = Console(width=200, record=True)
    console.print(onboarding.table(result))
    assert "those of /onboarding" in console.export_text()


def test_lists_leave_out_the_items_of_all_questions(small, monkeypatch):
    dataset, window, models = small
    seen = []
    monkeypatch.setattr(
        funnel_lists, "train_funnel", lambda *arguments: build_offline_funnel(models, arguments[-1])
    )
    score = onboarding.compute_headline
    monkeypatch.setattr(
        onboarding,
        "compute_headline",
        lambda rows, wanted: seen.append(rows) or score(rows, wanted),
    )
    reading = LoadedData(dataset, EventWeights(explicit=True), "csv", (), None)
    onboarding.measure(reading, window)
    result = select_onboarding_users(*small)
    assert len(seen) == 8
    for lists in seen:
        for items, rows in zip(result.all_questions(), lists, strict=True):
            assert not set(items) & set(rows[rows >= 0])


def test_data_without_timestamps_is_refused(monkeypatch):
    timeless = replace(
        small_dataset(), traits=DataTraits(is_explicit=True, positive_at=4.0, has_times=False)
    )
    loaded = LoadedData(timeless, EventWeights(), "csv", (), None)
    monkeypatch.setattr(onboarding, "load_dataset", lambda *_data, **_options: loaded)
    ended = invoke("--data", "small")
    assert ended.exit_code == 1
    assert "no user is new" in ended.output
