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
from offline.training.replay import build_offline_funnel
from tests.fakes import SMALL, small_dataset

ASKED = 6  # of the 80 items of the small world, so that something is left to be liked


@pytest.fixture
def small(monkeypatch):
    """The small data set, its window of newcomers, and models frozen before they came."""
    monkeypatch.setattr(onboarding_answers, "MAX_ITEMS", ASKED)
    monkeypatch.setattr(onboarding, "LENGTHS", (3, ASKED))
    monkeypatch.setattr(onboarding, "CUT", 0.02)
    dataset = small_dataset()
    window = rolling_window(dataset.log, 0.02, 0.98)
    return dataset, window, fit_models(dataset, window.log, SMALL, window.cut)


def test_answers_are_what_newcomers_went_on_to_do(small):
    dataset, window, models = small
    found = select_onboarding_users(dataset, window, models)
    assert len(found.users)
    assert not set(found.users) & set(window.log.users)
    later = dataset.log.between(window.cut, np.inf)
    for line, user in enumerate(found.users):
        own = later.take(later.users == user)
        says = dict(zip(own.items.tolist(), np.sign(own.weights).tolist(), strict=True))
        asked = found.questions[POPULAR][line]
        assert found.answers_to(POPULAR, 3)[line].tolist() == [says.get(i, 0) for i in asked[:3]]
    spoken = np.concatenate([found.answers_to(way, ASKED) for way in found.questions])
    assert set(np.unique(spoken)) == {-1, 0, 1}


def test_what_any_way_asks_about_is_no_hit_for_any(small):
    found = select_onboarding_users(*small)
    assert set(found.questions) == {SERVICE, POPULAR, RANDOM}
    assert (found.relevant.sizes > 0).all()
    for line, asked in enumerate(found.all_questions()):
        rows = found.relevant.rows[found.relevant.indptr[line] : found.relevant.indptr[line + 1]]
        assert not set(asked) & set(rows)
        assert (found.opinions[line, rows] == 1).all()


def test_each_is_asked_about_other_items_by_chance_and_all_about_the_same_popular_ones(small):
    _, _, models = small
    asked = choose_questions(models, 5)
    assert all(rows.shape == (5, ASKED) for rows in asked.values())
    assert (asked[POPULAR] == asked[POPULAR][0]).all()
    assert (asked[RANDOM] != asked[RANDOM][0]).any()
    assert (models.popularity.liked[-1][asked[POPULAR][0]].min()) >= np.sort(
        models.popularity.liked[-1]
    )[-ASKED]


def test_picks_become_the_events_that_the_service_makes_of_them():
    dataset = small_dataset()
    said = build_history(
        dataset,
        EventWeights(explicit=True),
        np.array([4, 5, 6]),
        np.array([-1, 0, 1], np.int8),
        time=9.0,
    )
    assert said.rows.tolist() == [6, 4]
    assert said.weights.tolist() == [1.0, -1.0]
    assert said.values.tolist() == [4.0, 2.0]
    assert said.times.tolist() == [9.0, 9.0]


def test_nobody_to_ask_is_told_in_words(small):
    dataset, window, models = small
    nobody = replace(window, users=np.unique(window.log.users).astype(np.int64)[:1])
    nobody = replace(nobody, relevant=window.relevant.take(np.array([0])))
    with pytest.raises(DataError, match="choose an earlier cut"):
        select_onboarding_users(dataset, nobody, models)


def invoke(*arguments):
    program = typer.Typer()
    program.command()(onboarding.main)
    return CliRunner().invoke(program, [str(argument) for argument in arguments])


def test_everyone_is_judged_with_and_without_answers(small, monkeypatch, tmp_path):
    dataset, window, models = small
    noted = []

    def untrained(_dataset, given, _config, wiring):
        noted.append(float(given.log.times[-1]))
        return build_offline_funnel(models, wiring)

    def reading(_data, max_bad_share):
        assert max_bad_share
        return LoadedData(dataset, EventWeights(explicit=True), "csv", (), None)

    monkeypatch.setattr(funnel_lists, "train_funnel", untrained)
    monkeypatch.setattr(onboarding, "load_dataset", reading)
    ended = invoke("--data", "small", "--results", tmp_path)
    assert ended.exit_code == 0, ended.output
    assert noted[0] < window.cut
    result = json.loads((tmp_path / "onboarding-small.json").read_text())
    lines = {(line["way"], line["items"]): line for line in result["questions"]}
    assert len(lines) == 2 + 3 * 2
    assert lines[onboarding.NO_QUESTIONS, 0]["gain"]["mean"] == 0
    assert lines[POPULAR, 3]["to most popular"]["mean"] == 0
    for way in (SERVICE, POPULAR, RANDOM):
        few, many = lines[way, 3], lines[way, ASKED]
        assert few["likes"] <= many["likes"]
        assert 0 < few["answering"] <= many["answering"] <= 1
        assert any(lines[way, n]["gain"]["mean"] != 0 for n in (3, ASKED))
    console = Console(width=200, record=True)
    console.print(onboarding.table(result))
    assert "those of /onboarding" in console.export_text()


def test_lists_leave_out_all_that_anybody_would_have_asked_about(small, monkeypatch):
    dataset, window, models = small
    seen = []
    monkeypatch.setattr(
        funnel_lists, "train_funnel", lambda *told: build_offline_funnel(models, told[-1])
    )
    score = onboarding.compute_headline
    monkeypatch.setattr(
        onboarding,
        "compute_headline",
        lambda rows, wanted: seen.append(rows) or score(rows, wanted),
    )
    reading = LoadedData(dataset, EventWeights(explicit=True), "csv", (), None)
    onboarding.measure(reading, window)
    found = select_onboarding_users(*small)
    assert len(seen) == 8
    for lists in seen:
        for asked, rows in zip(found.all_questions(), lists, strict=True):
            assert not set(asked) & set(rows[rows >= 0])


def test_without_timestamps_nobody_can_be_asked(monkeypatch):
    timeless = replace(
        small_dataset(), traits=DataTraits(is_explicit=True, positive_at=4.0, has_times=False)
    )
    told = LoadedData(timeless, EventWeights(), "csv", (), None)
    monkeypatch.setattr(onboarding, "load_dataset", lambda *_data, **_how: told)
    ended = invoke("--data", "small")
    assert ended.exit_code == 1
    assert "no user is new" in ended.output
