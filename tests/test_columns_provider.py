"""Who makes or sells an item: read from files, kept in the bundle, and a column of the ranker."""

import math
from collections import Counter

import numpy as np
import pytest

from app.build import FunnelConfig
from app.bundle.bundle import load_bundle
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.features.context import LikeShares
from app.features.user import PROVIDER
from app.features.views import FINE_VIEW, column_names
from offline.data.doctor import diagnose
from offline.data.readers import load_dataset
from offline.publish.writer import write_bundle
from offline.training.replay import build_offline_funnel
from tests.fakes import ITEMS, PROVIDERS, history, random_pool, request, small_models
from tests.scenes import CASES, close, columns, funnel, is_unknown, told
from tests.scenes import case as made
from tests.test_publish import trained_on_little

LOG = "user,item,rating,timestamp\nu1,a,5,1\nu1,b,4,2\nu2,c,3,3\nu2,d,5,4\n"


@pytest.fixture(params=CASES, ids=str)
def case(request):
    return made(*request.param)


def by_provider(case, rows):
    """Count rows by the name of their provider, those of nobody left out."""
    catalogue = case.models.catalogue
    codes = [int(catalogue.providers[row]) for row in rows]
    return Counter(PROVIDERS[code] for code in codes if code >= 0)


def test_provider_lift_is_the_users_share_of_likes_against_the_crowds(case):
    found = case.columns(PROVIDER)["provider_lift"]
    mine = by_provider(case, case.asked.history.liked(200).rows)
    if not mine:
        assert is_unknown(found)
        return
    likes, crowd = case.models.popularity.liked[-1], Counter()
    for row in range(ITEMS):
        for name in by_provider(case, [row]):
            crowd[name] += float(likes[row])
    expected = []
    for row in case.pool.rows:
        names_ = list(by_provider(case, [row]))
        share = [
            (mine[n] / mine.total() + 0.01) / (crowd[n] / crowd.total() + 0.01) for n in names_
        ]
        expected.append(math.log(share[0]) if share else math.nan)
    close(found, expected)


def test_what_the_user_takes_of_a_provider_speaks_for_the_rest_of_its_items():
    events = history(*((row, 5, 1, 9e8 - row) for row in (0, 6, 12)))  # all of the first provider
    pool = random_pool(np.random.default_rng(0), ITEMS, ITEMS)
    one = funnel("ratings")
    lift = columns(one.fine.features.build(told(one, events), pool), PROVIDER)["provider_lift"]
    codes = small_models().catalogue.providers[pool.rows]
    assert np.isnan(lift[codes < 0]).all()
    assert (codes < 0).any()
    assert lift[codes == 0].min() > 0 > lift[codes > 0].max()


def test_the_shares_of_providers_sum_to_one_where_any_is_known():
    models = small_models()
    assert LikeShares.of(models).providers.sum() == pytest.approx(1)
    unknown = small_models(known=False)
    assert LikeShares.of(unknown).providers.shape == (0,)


def test_the_column_stands_before_those_of_the_user():
    assert column_names(FINE_VIEW).index("provider_lift") < column_names(FINE_VIEW).index(
        "user_events"
    )


@pytest.mark.parametrize("column", ["provider", "brand", "Seller_ID", "artist", "author", "studio"])
def test_providers_are_read_by_the_names_people_use(tmp_path, column):
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


def test_an_artist_is_the_provider_of_tracks_and_the_item_where_there_are_none(tmp_path):
    (tmp_path / "plays.csv").write_text("user_id,artist_id,track_id\nu1,q,a\nu2,r,b\n")
    (tmp_path / "tracks.csv").write_text("artist_id,track_id\nq,a\nr,b\n")
    catalogue = load_dataset(tmp_path).dataset.catalogue
    assert catalogue.ids.names(np.arange(2)) == ["a", "b"]
    assert catalogue.provider_names.take(catalogue.providers) == ["q", "r"]


def test_without_items_or_without_the_column_nobody_is_known(tmp_path):
    (tmp_path / "interactions.csv").write_text(LOG)
    for _ in range(2):
        reading = load_dataset(tmp_path)
        assert reading.dataset.catalogue.providers.tolist() == [-1] * 4
        assert len(reading.dataset.catalogue.provider_names) == 0
        assert not any("providers" in finding.text for finding in diagnose(reading).findings)
        (tmp_path / "items.csv").write_text("item,title\na,A\n")


async def test_a_bundle_keeps_the_providers_and_serves_the_same_column(tmp_path):
    bundle = load_bundle(write_bundle(trained_on_little(), tmp_path))
    catalogue, models = bundle.models.catalogue, small_models()
    assert catalogue.provider_names.tolist() == list(PROVIDERS)
    assert catalogue.providers.tolist() == models.catalogue.providers.tolist()
    one = funnel("ratings")
    slate = await one.recommend(request("u03"))
    builders = (
        one.fine.features,
        build_offline_funnel(
            bundle.models, FunnelConfig(Cpu(threads=1), NO_CHECKPOINTS)
        ).fine.features,
    )
    expected, found = (
        columns(builder.build(slate.query, slate.merged), PROVIDER)["provider_lift"]
        for builder in builders
    )
    assert np.isfinite(found).any()
    assert found.tobytes() == expected.tobytes()
