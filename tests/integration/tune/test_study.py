"""Trials: the default first, none twice, and a run that was cut off ends as one that was not."""

import fcntl
import json
from dataclasses import dataclass, field

import numpy as np
import pytest
from optuna.trial import TrialState

from offline.config import JobConfig
from offline.data.errors import DataError
from offline.setting_paths import with_values
from offline.tune.space import Options, Range
from offline.tune.study import SearchPart, Study, open_trials

BASE = JobConfig()
LEARNING = Range("rank.learning_rate", 0.001, 1.0, log=True)
LEAVES = Range("rank.leaves", 2, 64, log=True)


@dataclass
class Judge:
    """Likes a learning rate of 0.03 and 20 leaves; counts how often it is asked."""

    requests: list = field(default_factory=list)
    dies_at: int = -1
    shift: float = 0.0

    def __call__(self, config, window):
        if len(self.requests) == self.dies_at:
            self.dies_at = -1
            raise KeyboardInterrupt
        self.requests.append((config, window))
        far = abs(np.log10(config.rank.learning_rate) + 1.5) + abs(config.rank.leaves - 20) / 20
        return np.array([[1.0 - far], [0.8 - far]]) + 0.01 * window + self.shift


def part(judge, *settings):
    return SearchPart("fine", "NDCG@10", settings or (LEARNING, LEAVES), judge)


def run(path, judge, trials, *settings, windows=range(1, 3)):
    """Go on until there are so many trials; gives those finished."""
    with open_trials(path) as storage:
        study = Study.open(storage, "fine", part(judge, *settings), BASE, windows)
        while len(study.finished) < trials:
            study.run_trial()
        return study


def tried(study):
    return [(trial.params, trial.value, trial.state) for trial in study.finished]


def test_the_first_trial_is_the_default_and_the_best_wins(tmp_path):
    study = run(tmp_path / "t.jsonl", Judge(), 25)
    assert study.default.params == {"rank.learning_rate": 0.1, "rank.leaves": 7}
    best = study.best.params
    assert abs(np.log10(best["rank.learning_rate"]) + 1.5) < 0.3
    assert abs(best["rank.leaves"] - 20) < 6
    assert study.best.value == max(t.value for t in study.finished if t.value is not None)
    values = study.values(study.best)
    assert values["rank.learning_rate"] == float(f"{best['rank.learning_rate']:.3g}")
    assert values["rank.leaves"] == best["rank.leaves"]
    assert study.values(study.default) == {}


def test_a_trial_is_worth_its_mean_over_users_and_windows(tmp_path):
    judge = Judge()
    study = run(tmp_path / "t.jsonl", judge, 1)
    assert [window for _, window in judge.requests] == [1, 2]
    assert study.best.value == pytest.approx(np.mean([judge(BASE, 1), judge(BASE, 2)]))


def test_a_trial_evaluates_the_rounded_values(tmp_path):
    judge = Judge()
    study = run(tmp_path / "t.jsonl", judge, 4)
    judged = [config.rank.learning_rate for config, window in judge.requests if window == 1]
    written = [study.values(t).get("rank.learning_rate", 0.1) for t in study.finished]
    assert judged == written
    assert judged[2] == float(f"{judged[2]:.3g}")


def test_a_default_is_not_rounded(tmp_path):
    base = with_values(BASE, {"rank.learning_rate": 0.0123456})
    judge = Judge()
    with open_trials(tmp_path / "t.jsonl") as storage:
        Study.open(storage, "fine", part(judge), base, range(1, 3)).run_trial()
    assert judge.requests == [(base, 1), (base, 2)]


def test_of_equals_the_default_stays(tmp_path):
    study = run(tmp_path / "t.jsonl", lambda *_: np.zeros((3, 1)), 6)
    assert study.best.params == study.default.params


@pytest.mark.parametrize("dies_at", [0, 7, 18])
def test_a_run_that_was_cut_off_and_went_on_ends_as_one_that_was_not(tmp_path, dies_at):
    whole = run(tmp_path / "whole.jsonl", Judge(), 13)
    cut = Judge(dies_at=dies_at)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut.jsonl", cut, 13)
    half = Judge()
    assert tried(run(tmp_path / "cut.jsonl", half, 13)) == tried(whole)
    again = Judge()
    assert tried(run(tmp_path / "cut.jsonl", again, 13)) == tried(whole)
    assert again.requests == []


def test_another_seed_tries_others(tmp_path):
    one = run(tmp_path / "one.jsonl", Judge(), 4)
    with open_trials(tmp_path / "two.jsonl") as storage:
        two = Study.open(storage, "fine", part(Judge()), JobConfig(seed=8), range(1, 3))
        while len(two.finished) < 4:
            two.run_trial()
    assert two.default.params == one.default.params
    assert tried(two)[1:] != tried(one)[1:]


def test_the_same_values_are_not_evaluated_again(tmp_path):
    judge = Judge()
    few = Options("rank.leaves", (7, 20))
    study = run(tmp_path / "t.jsonl", judge, 12, few)
    assert len(judge.requests) == 4
    assert len(study.finished) == 12
    assert study.best.params == {"rank.leaves": 20}
    assert len({trial.value for trial in study.finished}) == 2
    assert all(trial.user_attrs["stop"] == 0 for trial in study.finished)


def test_a_trial_that_falls_behind_is_pruned_after_one_window_and_never_best(tmp_path):
    judge = Judge()
    study = run(tmp_path / "t.jsonl", judge, 20)
    pruned = [trial for trial in study.finished if trial.state == TrialState.PRUNED]
    assert pruned
    assert len(judge.requests) == 2 * 20 - len(pruned)
    assert study.best.state == TrialState.COMPLETE
    assert study.default.state == TrialState.COMPLETE


def test_a_pruned_trial_that_comes_again_stays_pruned(tmp_path):
    def judge(config, window):
        judged.append(config.rank.leaves)
        return np.full((2, 1), -abs(config.rank.leaves - 7.0))

    judged = []
    values = Options("rank.leaves", (7, 4, 5, 6, 12, 13, 14, 15))
    study = run(tmp_path / "t.jsonl", judge, 40, values)
    repeats = {}
    for trial in study.finished:
        repeats.setdefault(trial.params["rank.leaves"], []).append(trial.state)
    assert any(states[0] == TrialState.PRUNED and len(states) > 1 for states in repeats.values())
    assert all(len(set(states)) == 1 for states in repeats.values())
    assert len(judged) <= 2 * 8


def test_the_best_of_several_stops_counts_and_is_kept_for_another_window(tmp_path):
    figures = {1: [[0.1, 0.5, 0.2]], 2: [[0.9, 0.6, 0.1]], 3: [[0.3, 0.7, 0.8]]}
    study = run(tmp_path / "t.jsonl", lambda _, window: np.array(figures[window]), 1)
    assert study.best.value == pytest.approx(0.55)
    assert study.evaluate_trial(study.best, 3) == pytest.approx(0.7)


def test_half_a_line_that_a_killed_process_left_is_cut_off(tmp_path):
    path = tmp_path / "t.jsonl"
    three = tried(run(path, Judge(), 3))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code":5,"trial_i')
    assert tried(run(path, Judge(), 3)) == three
    path.write_bytes(path.read_bytes() + b'{"op_code":5,"trial_i')
    assert tried(run(path, Judge(), 5))[:3] == three
    assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize(
    "content", [b"user,item\n1,2\n", b"a letter", b"[1]\n", b'{"a":1}\n', b"1\n"]
)
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="no file of trials"), open_trials(path):
        pass
    assert path.read_bytes() == content


def test_two_searches_do_not_share_a_file(tmp_path):
    path = tmp_path / "deep" / "t.jsonl"
    with (
        open_trials(path),
        pytest.raises(DataError, match="in use by another search"),
        open_trials(path),
    ):
        pass
    with open_trials(path), path.open("ab") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open_trials(path):
        pass
