"""Providers and policy flags of items: from the files through the bundle to what reads them."""

from dataclasses import replace

import numpy as np
import pytest

from app.build import FunnelConfig
from app.bundle.bundle import load_bundle
from app.catalogue.tag_lists import TagLists, mark_tags
from app.deadline import NO_CHECKPOINTS
from app.features.user import PROVIDER
from offline.data.doctor import diagnose
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.data.readers import load_dataset as read_data
from offline.publish.writer import write_bundle
from offline.training.past_requests import build_offline_funnel
from tests.bundles import build_training_result
from tests.fakes import ITEMS, PROVIDERS, request, small_models
from tests.feature_cases import columns, funnel

LOG = "user,item,rating,timestamp\nu1,a,5,1\nu1,b,4,2\nu2,c,3,3\nu2,d,5,4\n"


@pytest.mark.parametrize("column", ["provider", "brand", "Seller_ID", "artist", "author", "studio"])
def test_the_column_of_providers_has_many_names(tmp_path, column):
    (tmp_path / "interactions.csv").write_text(LOG)
    (tmp_path / "items.csv").write_text(f"item,{column}\na,zeta\nb, Acme \nc,\ne,Acme\n")
    catalogue = load_dataset(tmp_path).dataset.catalogue
    assert catalogue.provider_names.tolist() == ["Acme", "zeta"]
    assert catalogue.providers.tolist() == [1, 0, -1, -1, 0]
    assert catalogue.providers.dtype == np.int32


def test_a_schema_names_the_column_of_providers(tmp_path):
    (tmp_path / "interactions.csv").write_text(LOG)
    (tmp_path / "items.csv").write_text("item,brand,house\na,x,Älg\nb,y,Älg\n")
    (tmp_path / "schema.toml").write_text('[items]\nprovider = "house"\n')
    reading = load_dataset(tmp_path)
    assert reading.dataset.catalogue.provider_names.tolist() == ["Älg"]
    assert any("1 item providers" in finding.text for finding in diagnose(reading).findings)


def test_an_artist_is_the_provider_of_tracks(tmp_path):
    (tmp_path / "plays.csv").write_text("user_id,artist_id,track_id\nu1,q,a\nu2,r,b\n")
    (tmp_path / "tracks.csv").write_text("artist_id,track_id\nq,a\nr,b\n")
    catalogue = load_dataset(tmp_path).dataset.catalogue
    assert catalogue.ids.names(np.arange(2)) == ["a", "b"]
    assert catalogue.provider_names.take(catalogue.providers) == ["q", "r"]


def test_without_items_or_the_column_no_provider_is_known(tmp_path):
    (tmp_path / "interactions.csv").write_text(LOG)
    for _ in range(2):
        reading = load_dataset(tmp_path)
        assert reading.dataset.catalogue.providers.tolist() == [-1] * 4
        assert len(reading.dataset.catalogue.provider_names) == 0
        assert not any("providers" in finding.text for finding in diagnose(reading).findings)
        (tmp_path / "items.csv").write_text("item,title\na,A\n")


async def test_a_bundle_keeps_the_providers_and_serves_the_same_column(tmp_path, cpu):
    bundle = load_bundle(write_bundle(build_training_result(), tmp_path))
    catalogue, models = bundle.models.catalogue, small_models()
    assert catalogue.provider_names.tolist() == list(PROVIDERS)
    assert catalogue.providers.tolist() == models.catalogue.providers.tolist()
    one = funnel("ratings")
    slate = await one.recommend(request("u03"))
    builders = (
        one.fine.features,
        build_offline_funnel(bundle.models, FunnelConfig(cpu, NO_CHECKPOINTS)).fine.features,
    )
    expected, result = (
        columns(builder.build(slate.query, slate.merged), PROVIDER)["provider_lift"]
        for builder in builders
    )
    assert np.isfinite(result).any()
    assert result.tobytes() == expected.tobytes()


MARKS = (np.arange(ITEMS)[:, None] % np.array([2, 3]) == 0).astype(np.uint8)
FLAGS = TagLists.of_marks(MARKS, ("adult", "alcohol"))


def test_a_schema_names_the_column_of_flags(tmp_path):
    (tmp_path / "interactions.csv").write_text(LOG)
    (tmp_path / "items.csv").write_text("item,rating\na,adult|alcohol\nb, alcohol \nc,\n")
    (tmp_path / "schema.toml").write_text('[items]\nflags = "rating"\n')
    catalogue = read_data(tmp_path, tmp_path / "schema.toml", MAX_BAD_SHARE).dataset.catalogue
    assert catalogue.flags.every_name() == ["adult", "alcohol"]
    rows = catalogue.ids.rows(["a", "b", "c"])
    assert catalogue.has_flag(rows, ["adult"]).tolist() == [True, False, False]
    assert catalogue.has_flag(rows, ["alcohol", "?"]).tolist() == [True, True, False]
    assert catalogue.has_flag(rows, ["?"]).tolist() == [False] * 3


def test_without_such_a_column_nothing_has_a_flag(tmp_path):
    (tmp_path / "interactions.csv").write_text(LOG)
    (tmp_path / "items.csv").write_text("item,title\na,A\n")
    catalogue = read_data(tmp_path, None, MAX_BAD_SHARE).dataset.catalogue
    assert catalogue.flags.every_name() == []
    assert not catalogue.has_flag(np.arange(len(catalogue)), ["adult"]).any()


def test_every_category_and_flag_is_known_and_the_models_have_the_frequent_ones(tmp_path):
    (tmp_path / "interactions.csv").write_text(LOG)
    lines = [
        f"i{n:03},cat {n:03}|{'often' if n % 2 else 'often|other'},flag {n}" for n in range(200)
    ]
    (tmp_path / "items.csv").write_text("\n".join(["item,categories,flags", *lines, "a,,"]))
    (tmp_path / "schema.toml").write_text('[items]\nflags = "flags"\n')
    read = read_data(tmp_path, tmp_path / "schema.toml", MAX_BAD_SHARE)
    catalogue = read.dataset.catalogue
    assert len(catalogue.category_lists.names) == 202
    assert len(catalogue.category_names) == 64
    assert {"often", "other"} <= set(catalogue.category_names)
    rows = catalogue.ids.rows(["i199", "i198", "a"])
    assert catalogue.has_category(rows, ["cat 199"]).tolist() == [True, False, False]
    assert catalogue.has_flag(rows, ["flag 198"]).tolist() == [False, True, False]
    texts = [finding.text for finding in diagnose(read).findings]
    assert any("202 item categories" in text for text in texts)
    assert any("the 64 most frequent of the 202" in text for text in texts)


def test_a_bundle_keeps_the_flags(tmp_path):
    trained = build_training_result()
    bare = load_bundle(write_bundle(trained, tmp_path / "bare")).models.catalogue
    assert bare.flags.every_name() == []
    flagged = replace(trained.models.catalogue, flags=FLAGS)
    trained = replace(trained, models=replace(trained.models, catalogue=flagged))
    restored = load_bundle(write_bundle(trained, tmp_path / "flagged")).models.catalogue
    assert restored.flags.every_name() == ["adult", "alcohol"]
    assert mark_tags(restored.flags, [0, 1]).tolist() == MARKS.tolist()
