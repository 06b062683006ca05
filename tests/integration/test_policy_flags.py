"""Policy flags: from the items file through the bundle to the filter that reads them."""

from dataclasses import replace

import numpy as np

from app.bundle.bundle import load_bundle
from offline.data.readers import MAX_BAD_SHARE
from offline.data.readers import load_dataset as read_data
from offline.publish.writer import write_bundle
from tests.fakes import ITEMS
from tests.integration.test_providers import LOG, build_training_result

FLAGS = (np.arange(ITEMS)[:, None] % np.array([2, 3]) == 0).astype(np.uint8)


def test_a_schema_names_the_column_of_flags(tmp_path):
    (tmp_path / "interactions.csv").write_text(LOG)
    (tmp_path / "items.csv").write_text("item,rating\na,adult|alcohol\nb, alcohol \nc,\n")
    (tmp_path / "schema.toml").write_text('[items]\nflags = "rating"\n')
    catalogue = read_data(tmp_path, tmp_path / "schema.toml", MAX_BAD_SHARE).dataset.catalogue
    assert catalogue.flag_names == ("adult", "alcohol")
    rows = catalogue.ids.rows(["a", "b", "c"])
    assert catalogue.has_flag(rows, ["adult"]).tolist() == [True, False, False]
    assert catalogue.has_flag(rows, ["alcohol", "?"]).tolist() == [True, True, False]
    assert catalogue.has_flag(rows, ["?"]).tolist() == [False] * 3


def test_without_such_a_column_nothing_has_a_flag(tmp_path):
    (tmp_path / "interactions.csv").write_text(LOG)
    (tmp_path / "items.csv").write_text("item,title\na,A\n")
    catalogue = read_data(tmp_path, None, MAX_BAD_SHARE).dataset.catalogue
    assert catalogue.flag_names == ()
    assert not catalogue.has_flag(np.arange(len(catalogue)), ["adult"]).any()


def test_a_bundle_keeps_the_flags(tmp_path):
    trained = build_training_result()
    bare = load_bundle(write_bundle(trained, tmp_path / "bare")).models.catalogue
    assert bare.flag_names == ()
    flagged = replace(trained.models.catalogue, flags=FLAGS, flag_names=("adult", "alcohol"))
    trained = replace(trained, models=replace(trained.models, catalogue=flagged))
    restored = load_bundle(write_bundle(trained, tmp_path / "flagged")).models.catalogue
    assert restored.flag_names == ("adult", "alcohol")
    assert restored.flags.tolist() == FLAGS.tolist()
