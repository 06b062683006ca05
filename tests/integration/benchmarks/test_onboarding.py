"""What asking newcomers is worth, on a small world."""

from dataclasses import replace

import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from app.event_weights import EventWeights
from benchmarks.quality import onboarding
from benchmarks.quality.onboarding_answers import (
    POPULAR,
    RANDOM,
    SERVICE,
    build_history,
    choose_questions,
    select_onboarding_users,
)
from benchmarks.quality.windows import rolling_window
from offline.data.errors import DataError
from offline.data.readers import LoadedData
from offline.models.registry import fit_models
from offline.training.past_requests import build_offline_funnel
from tests.fakes import SMALL, RecordingFunnel, small_dataset
from tests.world import world, write_recbole

CUT = 0.02
QUESTIONS = 6  # of the 80 items of the small world, so that something is left to be liked


@pytest.fixture(scope="module")
def small():
    """The small data set, its window of newcomers, models frozen before they came, questions."""
    dataset = small_dataset()
    window = rolling_window(dataset.log, CUT, 1 - CUT)
    return dataset, window, fit_models(dataset, window.log, SMALL, window.cut), QUESTIONS


def test_answers_are_what_new_users_do_later(small):
    dataset, window, _, _ = small
    result = select_onboarding_users(*small)
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
    _, _, models, _ = small
    items = choose_questions(models, 5, QUESTIONS)
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
    dataset, window, models, _ = small
    nobody = replace(window, users=np.unique(window.log.users).astype(np.int64)[:1])
    nobody = replace(nobody, relevant=window.relevant.take(np.array([0])))
    with pytest.raises(DataError, match="choose an earlier cut"):
        select_onboarding_users(dataset, nobody, models)


def measured(small, funnels):
    """Measure with an untrained funnel over the models; it is appended to ``funnels``."""
    dataset, _, models, _ = small

    def untrained(_dataset, window, _config, wiring):
        assert window.log.times[-1] < window.cut
        funnels.append(RecordingFunnel(build_offline_funnel(models, wiring)))
        return funnels[-1]

    loaded = LoadedData(dataset, EventWeights(explicit=True), "csv", (), None)
    return onboarding.measure(loaded, CUT, (3, QUESTIONS), untrained)


def test_every_user_is_evaluated_with_and_without_answers(small):
    funnels = []
    result = measured(small, funnels)
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
    questions = select_onboarding_users(*small).all_questions()
    (funnel,) = funnels
    assert len(funnel.runs) == 7 * len(questions)  # without answers, and by way and number
    for at, run in enumerate(funnel.runs):  # lists leave out the items of all questions
        assert not set(run.slate.pool.rows) & set(questions[at % len(questions)])


def test_data_without_timestamps_is_refused(tmp_path):
    data = write_recbole(tmp_path / "cinema", world(users=20, items=20, ratings=200), timed=False)
    program = typer.Typer()
    program.command()(onboarding.main)
    ended = CliRunner().invoke(program, ["--data", str(data)])
    assert ended.exit_code == 1
    assert "no user is new" in ended.output
