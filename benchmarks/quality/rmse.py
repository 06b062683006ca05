"""Compares the error of rating predictions with that of scikit-surprise's SVD.

    python -m benchmarks.quality.rmse --peer-python PATH [--data data/ml-100k]

Same random splits, number of vectors' dimensions, rounds, rate and penalty; ``PATH`` is a Python
that has scikit-surprise. Random splits are for this check alone: they tell whether the descent is
right, not how good recommendations are.
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

from offline.data.dataset import Log
from offline.data.readers import load_dataset
from offline.models import als_explicit, sgd
from offline.models.als_explicit import ExplicitALSConfig
from offline.models.factors import RatingModel
from offline.models.interactions import LogShape
from offline.models.sgd import SGDConfig

CONFIG = SGDConfig(size=100, rate=0.005, penalty=0.02, rounds=20, batch=100)  # as SVD's defaults
SPLITS = 3
HELD_OUT_SHARE = 0.2  # share of the ratings that is predicted
TOLERANCE = 0.005  # how much greater than the peer's an error may be
RESULT = Path(__file__).parent / "results" / "rmse.json"

RatingSplit: TypeAlias = tuple[Log, Log]  # to learn from, to predict
FitFunction: TypeAlias = Callable[[Log, int], RatingModel]


def main(
    peer_python: Annotated[Path, typer.Option(help="A Python that has scikit-surprise.")],
    data: Annotated[Path, typer.Option(help="The ratings.")] = Path("data/ml-100k"),
    out: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULT,
) -> None:
    """Compare, print, write; fail where ours is worse by more than 0.005."""
    dataset = load_dataset(data).dataset
    splits = [split_ratings(dataset.log, seed) for seed in range(SPLITS)]
    shape = len(dataset.users), len(dataset.catalogue)
    theirs = run_peer(peer_python, splits)
    errors = {name: compute_errors(splits, learn) for name, learn in methods(shape).items()}
    errors["surprise_svd"] = theirs["rmse"]
    result = {
        "dataset": dataset.name,
        "settings": settings(),
        "rmse": {name: {"mean": float(np.mean(e)), "splits": e} for name, e in errors.items()},
        "peer": f"scikit-surprise {theirs['version']}",
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")
    for name, found in errors.items():
        show(f"{name:15} RMSE {np.mean(found):.4f}")
    if np.mean(errors["sgd"]) > np.mean(theirs["rmse"]) + TOLERANCE:
        raise typer.Exit(1)


def methods(shape: LogShape) -> dict[str, FitFunction]:
    """Give our ways to learn ratings."""
    return {
        "sgd": lambda log, seed: sgd.fit_sgd_ratings(log, shape, CONFIG, seed),
        "als_explicit": lambda log, seed: als_explicit.fit_explicit_als_ratings(
            log, shape, ExplicitALSConfig(), seed
        ),
    }


def split_ratings(log: Log, seed: int) -> RatingSplit:
    """Hold a random share of the ratings back."""
    held = np.random.default_rng(seed).random(len(log)) < HELD_OUT_SHARE
    return log.take(np.flatnonzero(~held)), log.take(np.flatnonzero(held))


def compute_errors(splits: list[RatingSplit], learn: FitFunction) -> list[float]:
    """Give the root mean squared error of each split, predictions clipped to the scale of ratings.

    The library clips its own.
    """
    found = []
    for seed, (known, held) in enumerate(splits):
        predicted = learn(known, seed).predict(held.users, held.items)
        clipped = np.clip(predicted, known.values.min(), known.values.max())
        found.append(float(np.sqrt(np.mean((held.values - clipped) ** 2))))
    return found


def settings() -> dict[str, float]:
    """Give the settings of both, as the library calls them."""
    return {
        "n_factors": CONFIG.size,
        "n_epochs": CONFIG.rounds,
        "lr_all": CONFIG.rate,
        "reg_all": CONFIG.penalty,
        "init_std_dev": CONFIG.spread,
    }


def run_peer(python: Path, splits: list[RatingSplit]) -> dict[str, Any]:
    """Ask the library for its errors on the same splits.

    Raises:
        subprocess.CalledProcessError: it is not installed there, or failed; it has said why.
    """
    low, high = splits[0][0].values.min(), splits[0][0].values.max()
    with tempfile.TemporaryDirectory() as folder:
        for number, (known, held) in enumerate(splits):
            for log, name in ((known, "train"), (held, "test")):
                rows = np.column_stack([log.users, log.items, log.values])
                np.savetxt(Path(folder) / f"{number}.{name}", rows, fmt=("%d", "%d", "%g"))
        script = Path(__file__).with_name("rmse_peer.py")
        told = folder, str(low), str(high), json.dumps(settings())
        answer = subprocess.run(  # noqa: S603
            [str(python), str(script), *told], stdout=subprocess.PIPE, check=True
        )
    return dict(json.loads(answer.stdout))


if __name__ == "__main__":
    typer.run(main)
