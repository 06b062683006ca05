"""An index that is not exact is trained, published and loaded."""

import io
from contextlib import redirect_stdout
from dataclasses import replace

import faiss
import numpy as np
from rich.console import Console

from app.bundle.bundle import load_bundle
from app.settings import Settings
from offline.commands.train import TrainOptions, print_index_losses, train
from offline.publish.index_loss import (
    measure_bundle_indexes,
)
from tests.conftest import world, write_recbole
from tests.integration.test_job import SMALL


def test_a_bundle_of_quantised_indexes_is_trained_served_and_its_loss_is_printed(tmp_path):
    folder = write_recbole(tmp_path / "cinema", world(3, **SMALL))
    output = io.StringIO()
    with redirect_stdout(output):
        bundle_folder = train(folder, Settings(out=tmp_path / "out"), TrainOptions(index="sq8"))
    bundle = load_bundle(bundle_folder)
    for index in (bundle.indexes.factors, bundle.indexes.content):
        assert isinstance(index, faiss.IndexScalarQuantizer)
    assert bundle.manifest.settings["index.kind"] == "sq8"
    losses = measure_bundle_indexes(bundle.models, bundle.indexes)
    assert [loss["name"] for loss in losses] == ["factors", "content"]
    for loss in losses:
        assert f"Index sq8 of {loss['name']}: it returns {loss['recall']:.1%}" in output.getvalue()
    blind = replace(bundle.models, content=replace(bundle.models.content, items=np.empty((40, 0))))
    assert [loss["name"] for loss in measure_bundle_indexes(blind, bundle.indexes)] == ["factors"]
    exact = io.StringIO()
    print_index_losses(
        Console(file=exact), bundle_folder, "auto"
    )  # so few items have an exact index
    assert not exact.getvalue()
