"""Compares the error of rating predictions with the error of scikit-surprise's SVD.

    python -m benchmarks.quality.rmse --peer-python PATH [--data data/ml-100k]

Both use the same random splits, dimensions, rounds, rate and penalty. ``PATH`` is a Python that has
scikit-surprise. Random splits are for this check alone: they show whether the descent is correct,
not how good recommendations are.
"""

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import typer
from rich import print as show

from offline.data.dataset import Dataset, Log
from offline.data.readers import load_dataset
from offline.models import als_explicit, sgd
from offline.models.als_explicit import ExplicitALSConfig
from offline.models.factors import RatingModel
from offline.models.interactions import LogShape
from offline.models.sgd import SGDConfig

CONFIG = SGDConfig(size=100, rate=0.005, penalty=0.02, rounds=20, batch=100)  # as SVD's defaults
SPLITS = 3
HELD_OUT_SHARE = 0.2  # share of the ratings
TOLERANCE = 0.005  # by which our error may exceed the peer's
RESULT = Path(__file__).parent / "results" / "rmse.json"

RatingSplit: TypeAlias = tuple[Log, Log]  # train, test
FitFunction: TypeAlias = Callable[[Log, int], RatingModel]


def main(
    peer_python: Annotated[Path, typer.Option(help="A Python with scikit-surprise.")],
    data: Annotated[Path, typer.Option(help="The ratings.")] = Path("data/ml-100k"),
    out: Annotated[Path, typer.Option(help="File of the result.")] = RESULT,
) -> None:
    """Compare, print and write; exit with 1 when our error is greater by more than 0.005."""
    if not compare(load_dataset(data).dataset, peer_python, out):
        raise typer.Exit(1)


def compare(dataset: Dataset, peer_python: Path, out: Path, config: SGDConfig = CONFIG) -> bool:
    """Compare, print and write; return whether our error is small enough."""
    splits = [split_ratings(dataset.log, seed) for seed in range(SPLITS)]
    shape = len(dataset.users), len(dataset.catalogue)
    theirs = run_peer(peer_python, splits, settings(config))
    errors = {name: compute_errors(splits, learn) for name, learn in methods(shape, config).items()}
    errors["surprise_svd"] = theirs["rmse"]
    result = {
        "dataset": dataset.name,
        "settings": settings(config),
        "rmse": {name: {"mean": float(np.mean(e)), "splits": e} for name, e in errors.items()},
        "peer": f"scikit-surprise {theirs['version']}",
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")
    for name, of_splits in errors.items():
        show(f"{name:15} RMSE {np.mean(of_splits):.4f}")
    return bool(np.mean(errors["sgd"]) <= np.mean(theirs["rmse"]) + TOLERANCE)


def methods(shape: LogShape, config: SGDConfig) -> dict[str, FitFunction]:
    """Return our ways to fit ratings."""
    return {
        "sgd": lambda log, seed: sgd.fit_sgd_ratings(log, shape, config, seed),
        "als_explicit": lambda log, seed: als_explicit.fit_explicit_als_ratings(
            log, shape, ExplicitALSConfig(), seed
        ),
    }


def split_ratings(log: Log, seed: int) -> RatingSplit:
    """Hold out a random share of the ratings."""
    is_test = np.random.default_rng(seed).random(len(log)) < HELD_OUT_SHARE
    return log.take(np.flatnonzero(~is_test)), log.take(np.flatnonzero(is_test))


def compute_errors(splits: list[RatingSplit], fit: FitFunction) -> list[float]:
    """Return the root mean squared error of each split.

    Predictions are clipped to the scale of ratings, as the library clips its own.
    """
    errors = []
    for seed, (train, test) in enumerate(splits):
        predicted = fit(train, seed).predict(test.users, test.items)
        clipped = np.clip(predicted, train.values.min(), train.values.max())
        errors.append(float(np.sqrt(np.mean((test.values - clipped) ** 2))))
    return errors


def settings(config: SGDConfig) -> dict[str, float]:
    """Return the settings of both, by the names of the library."""
    return {
        "n_factors": config.size,
        "n_epochs": config.rounds,
        "lr_all": config.rate,
        "reg_all": config.penalty,
        "init_std_dev": config.spread,
    }


def run_peer(python: Path, splits: list[RatingSplit], settings: dict[str, float]) -> dict[str, Any]:
    """Return the errors of the library on the same splits.

    Raises:
        subprocess.CalledProcessError: it is not installed there, or failed; it printed why.
    """
    low, high = splits[0][0].values.min(), splits[0][0].values.max()
    with tempfile.TemporaryDirectory() as folder:
        for number, (train, test) in enumerate(splits):
            for log, name in ((train, "train"), (test, "test")):
                rows = np.column_stack([log.users, log.items, log.values])
                np.savetxt(Path(folder) / f"{number}.{name}", rows, fmt=("%d", "%d", "%g"))
        script = Path(__file__).with_name("rmse_peer.py")
        arguments = folder, str(low), str(high), json.dumps(settings)
        answer = subprocess.run(  # noqa: S603
            [str(python), str(script), *arguments], stdout=subprocess.PIPE, check=True
        )
    return dict(json.loads(answer.stdout))


if __name__ == "__main__":
    typer.run(main)
