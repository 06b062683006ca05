"""Prints the errors of scikit-surprise's SVD. Runs in an environment of its own.

    python benchmarks/quality/rmse_peer.py FOLDER LOW HIGH SETTINGS

``FOLDER`` holds ``0.train`` and ``0.test``, ``1.train``, …, lines of user, item and
rating. Prints JSON.
"""

import json
import sys
from pathlib import Path

import surprise
from surprise.model_selection import PredefinedKFold


def main(folder: Path, scale: tuple[float, float], settings: dict[str, float]) -> None:
    """Fit and test on every split, and print the errors."""
    paths = [(str(path), str(path.with_suffix(".test"))) for path in sorted(folder.glob("*.train"))]
    reader = surprise.Reader(line_format="user item rating", sep=" ", rating_scale=scale)
    data = surprise.Dataset.load_from_folds(paths, reader)
    errors = []
    for seed, (train, test) in enumerate(PredefinedKFold().split(data)):
        predictions = surprise.SVD(random_state=seed, **settings).fit(train).test(test)
        errors.append(surprise.accuracy.rmse(predictions, verbose=False))
    print(json.dumps({"version": surprise.__version__, "rmse": errors}))  # noqa: T201


if __name__ == "__main__":
    _, FOLDER, LOW, HIGH, SETTINGS = sys.argv
    main(Path(FOLDER), (float(LOW), float(HIGH)), json.loads(SETTINGS))
