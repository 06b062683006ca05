"""The check of the descent against a library, with a stand-in for the library."""

import json
import sys

import numpy as np
import pytest
import typer

from benchmarks.quality import rmse
from offline.models.factors import RatingModel
from offline.models.sgd import SGDConfig
from tests.fakes import ITEMS, USERS, small_dataset
from tests.world import world, write_recbole

PEER = """#!{python}
import json, sys
from pathlib import Path
_, script, folder, low, high, settings = sys.argv
lines = [len(Path(folder, f"{{n}}.{{name}}").read_text().split("\\n")) - 1
         for n in range(3) for name in ("train", "test")]
Path(__file__).with_suffix(".asked").write_text(json.dumps([script, low, high, settings, lines]))
print(json.dumps({{"version": "0", "rmse": [{error}] * 3}}))
"""


def library(folder, error):
    """A Python that answers as one would that has the library, whatever it is asked."""
    path = folder / "python"
    path.write_text(PEER.format(python=sys.executable, error=error))
    path.chmod(0o755)
    return path


QUICK = SGDConfig(size=2, rate=0.02, rounds=3, batch=100)


def test_both_get_the_same_splits_and_the_errors_are_written(tmp_path, capsys):
    out = tmp_path / "results" / "rmse.json"
    assert rmse.compare(small_dataset(), library(tmp_path, 9.0), out, QUICK)
    result = json.loads(out.read_text())
    assert result["rmse"]["surprise_svd"] == {"mean": 9.0, "splits": [9.0] * 3}
    assert 0.5 < result["rmse"]["sgd"]["mean"] < 1.5
    assert result["peer"] == "scikit-surprise 0"
    script, low, high, settings, lines = json.loads((tmp_path / "python.asked").read_text())
    assert script.endswith("benchmarks/quality/rmse_peer.py")
    assert (float(low), float(high)) == (1, 5)
    assert json.loads(settings) == result["settings"] == rmse.settings(QUICK)
    assert [sum(lines[n : n + 2]) for n in (0, 2, 4)] == [len(small_dataset().log)] * 3
    assert "surprise_svd    RMSE 9.0000" in capsys.readouterr().out


def test_it_fails_when_our_error_is_greater(tmp_path):
    data = write_recbole(tmp_path / "cinema", world(users=20, items=20, ratings=200))
    with pytest.raises(typer.Exit):
        rmse.main(library(tmp_path, 0.0), data, tmp_path / "rmse.json")


def test_a_fifth_is_held_out_and_no_rating_is_in_both_parts():
    log = small_dataset().log
    trained, test = rmse.split_ratings(log, 0)
    assert len(trained) + len(test) == len(log)
    assert 0.15 < len(test) / len(log) < 0.25
    pairs = [
        set(zip(part.users.tolist(), part.items.tolist(), strict=True)) for part in (trained, test)
    ]
    assert not pairs[0] & pairs[1]


def test_predictions_are_clipped_to_the_scale():
    trained, test = rmse.split_ratings(small_dataset().log, 0)
    flat = RatingModel(99.0, np.zeros((USERS, 2)), np.zeros((ITEMS, 2)))
    expected = np.sqrt(np.mean((test.values - 5.0) ** 2))
    assert rmse.compute_errors([(trained, test)], lambda log, seed: flat) == [
        pytest.approx(expected)
    ]
