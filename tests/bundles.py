"""Small training results and changed manifests, for tests of bundles."""

import lightgbm
import numpy as np
import orjson

from app.artifacts import Rankers, Sizes
from app.bundle.manifest import FileRecord, file_sha256, files_digest, write_manifest
from app.event_weights import EventWeights
from app.features.views import COARSE_VIEW, FINE_VIEW, column_names
from app.rank.gbdt import GradientBoosting
from app.rank.logistic import Logistic
from app.rank.pointwise_listwise import PointwiseListwiseBlend
from app.rank.scorer import MatrixScorer, RankerKinds
from offline.publish.writer import TrainingResult
from tests.fakes import small_models


def edit_manifest(folder, **changed):
    """Change the manifest; a file named in it that was changed gets its new digest too."""
    path = folder / "manifest.json"
    manifest = orjson.loads(path.read_bytes())
    for name, fact in manifest["files"].items():
        fact["sha256"] = file_sha256(folder / name)
        fact["bytes"] = (folder / name).stat().st_size
    facts = {name: FileRecord(**fact) for name, fact in manifest["files"].items()}
    moment = changed.pop("version", manifest["version"][:-9])
    manifest["version"] = f"{moment}-{files_digest(facts)}"
    write_manifest(folder, orjson.dumps(manifest | changed))
    return folder.rename(folder.with_name(manifest["version"]))


def fine_ranker():
    random, width = np.random.default_rng(0), len(column_names(FINE_VIEW))
    features, labels = random.random((200, width)), random.integers(0, 2, 200)
    settings = {"verbose": -1, "num_threads": 1, "num_leaves": 4}
    boosters = [
        lightgbm.train(settings, lightgbm.Dataset(features, labels), rounds) for rounds in (2, 3)
    ]
    ones = np.ones(width, np.float32)
    start = Logistic(ones * 0.1, ones * 3, ones / 7, 0.25)
    return PointwiseListwiseBlend(
        GradientBoosting.of(start, *boosters),
        GradientBoosting.of(start, boosters[0]),
    )


def build_training_result(**changed) -> TrainingResult:
    columns = len(column_names(COARSE_VIEW))
    ones = np.ones(columns, np.float32)
    parts = {
        "models": small_models(),
        "rankers": Rankers(
            MatrixScorer(Logistic(ones * 0.1, ones * 3, ones / 7, 0.25)),
            MatrixScorer(fine_ranker()),
        ),
        "ranker_kinds": RankerKinds(),
        "sizes": Sizes(recall=11, coarse=12, fine=13),
        "event_weights": EventWeights(3.5, {"like": 1.0, "stare": 0.1}),
        "dataset": "small",
        "interactions": 1_500,
        "seed": 3,
        "metrics": {"users": 1},
    }
    return TrainingResult(**(parts | changed))
