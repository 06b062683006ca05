"""Indexes of every kind against an exact search; one is trained, published and loaded."""

import io
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import faiss
import numpy as np
import pytest
from rich.console import Console

from app.artifacts import CellIndex
from app.build import FunnelConfig
from app.bundle.bundle import load_bundle
from app.bundle.manifest import read_manifest
from app.deadline import NO_CHECKPOINTS
from app.query_builder import QueryBuilder
from app.recall.vectors import flat_index, search_refined
from app.settings import Settings
from app.state.counters import PopularityCounters
from offline.choices import IndexKind
from offline.commands.train import TrainOptions, train
from offline.commands.training_result import print_index_losses
from offline.data.errors import DataError
from offline.publish.cells import assign_cells, find_longest, with_probes
from offline.publish.index import (
    IndexConfig,
    build_index,
    build_indexes,
    exact_neighbours,
    index_builder,
    measure_bundle_indexes,
    measure_index,
    resolve_kind,
    sample_user_vectors,
)
from offline.publish.writer import write_bundle, write_index
from offline.training.past_requests import build_offline_funnel
from tests.bundles import build_training_result
from tests.fakes import request, small_models
from tests.integration.test_job import SMALL
from tests.serving import QUICK
from tests.world import world, write_recbole

MODELS = small_models()
INDEX_KINDS = tuple(kind for kind in get_args(IndexKind) if kind != "auto")


def like_factors(n=10_000, d=8, seed=0):
    """Vectors as a factorisation makes them: tastes, and lengths that fall with popularity."""
    random = np.random.default_rng(seed)
    tastes = random.standard_normal((30, d))[random.integers(0, 30, n)]
    vectors = tastes + 0.5 * random.standard_normal((n, d))
    lengths = (1.0 + np.arange(n) / 100.0) ** -0.3
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return (unit * lengths[:, None]).astype(np.float32)


VECTORS = like_factors()
LIKED = np.random.default_rng(1).integers(0, 2_000, (20, 5))
QUERIES = VECTORS[LIKED].mean(axis=1)


@pytest.fixture(scope="module")
def made():
    """One index of each kind."""
    return {kind: build_index(VECTORS, IndexConfig(kind)) for kind in INDEX_KINDS}


def found(index, k=200):
    """Products and rows: of FAISS alone, or of cells of codes as serving searches them."""
    if isinstance(index, CellIndex):
        rows, products = zip(
            *(search_refined(index, VECTORS, one, k) for one in QUERIES), strict=True
        )
        return np.stack(products), np.stack(rows)
    return index.search(QUERIES, k)


def bytes_of(index, folder):
    """The bytes of the files of an index."""
    write_index(index, folder, "factors")
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def share_of_exact(index, k=200):
    (_, exact), (_, own) = found(flat_index(VECTORS), k), found(index, k)
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(exact, own, strict=True)])


@pytest.mark.parametrize(
    ("kind", "least"),
    [("flat", 1.0), ("sq8", 0.97), ("ivf_flat", 0.92), ("ivf_sq8", 0.92), ("ivf_pq", 0.95)],
)
def test_each_kind_finds_nearly_what_an_exact_search_finds(made, kind, least):
    assert share_of_exact(made[kind]) >= least


@pytest.mark.parametrize("kind", INDEX_KINDS)
def test_scores_are_inner_products_of_the_same_rows(made, kind):
    scores, rows = found(made[kind], 20)
    true = np.take_along_axis(QUERIES @ VECTORS.T, rows, axis=1)
    assert made[kind].ntotal == len(VECTORS)
    assert np.abs(scores - true).max() < 0.03
    assert (np.diff(scores, axis=1) <= 0).all()


def test_a_byte_for_a_float_takes_a_quarter_and_codes_an_eighth(made):
    exact = exact_neighbours(VECTORS, QUERIES)
    size = {
        kind: measure_index(kind, index, VECTORS, QUERIES, exact)["bytes"]
        for kind, index in made.items()
    }
    assert size["sq8"] < 0.26 * size["flat"]
    assert size["ivf_sq8"] < 0.6 * size["ivf_flat"]
    assert size["ivf_pq"] < size["ivf_sq8"]


@pytest.mark.parametrize("kind", INDEX_KINDS)
def test_the_same_seed_gives_the_same_bytes(made, kind, tmp_path_factory):
    again = build_index(VECTORS, IndexConfig(kind))
    one, other = (
        bytes_of(index, tmp_path_factory.mktemp("index")) for index in (made[kind], again)
    )
    assert one == other


@pytest.mark.parametrize("kind", ["ivf_flat", "ivf_pq"])
def test_another_seed_gives_other_cells(made, kind, tmp_path_factory):
    again = build_index(VECTORS, IndexConfig(kind), seed=5)
    one, other = (
        bytes_of(index, tmp_path_factory.mktemp("index")) for index in (made[kind], again)
    )
    assert one != other


def test_the_more_cells_are_looked_into_the_more_is_found_and_all_is_exact():
    shares = [
        share_of_exact(build_index(VECTORS, IndexConfig("ivf_flat", probed_share=share)))
        for share in (0.0, 0.1, 1.0)
    ]
    assert shares == sorted(shares)
    assert shares[0] < 0.7
    assert shares[-1] == 1.0


@pytest.mark.parametrize("kind", [kind for kind in INDEX_KINDS if kind != "ivf_pq"])
def test_an_index_that_was_written_answers_the_same_from_mapped_memory(made, kind, tmp_path):
    path = str(tmp_path / "some.faiss")
    faiss.write_index(made[kind], path)
    mapped = faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC)
    for one, two in zip(found(made[kind]), found(mapped), strict=True):
        assert one.tobytes() == two.tobytes()
    assert path in Path("/proc/self/maps").read_text()


def test_auto_looks_at_each_item_while_they_are_few():
    assert [resolve_kind("auto", n) for n in (10, 50_000, 50_001)] == ["flat", "flat", "ivf_pq"]
    assert resolve_kind("sq8", 10**9) == "sq8"


def test_cells_are_for_many_items_and_the_refusal_says_what_to_choose():
    with pytest.raises(DataError, match="at least 10,000 items, and there are 80: cho"):
        build_index(MODELS.factors.items, IndexConfig("ivf_pq"))
    index = build_index(VECTORS[:5_000], IndexConfig("ivf_flat"), min_ivf_items=5_000)
    longest = len(find_longest(np.linalg.norm(VECTORS[:5_000], axis=1), 62))
    assert faiss.extract_index_ivf(index).nlist - longest == pytest.approx(125, abs=5)  # of 40


@pytest.mark.parametrize("kind", INDEX_KINDS)
def test_without_columns_nothing_is_found(kind):
    index = build_index(np.empty((20_000, 0), np.float32), IndexConfig(kind))
    assert index.ntotal == 0


def test_famous_items_are_found_though_their_vectors_are_many_times_longer():
    """Most items are hardly known: their vectors are short, or 0, and point anywhere."""
    vectors = like_factors(d=7)
    vectors[:500] *= 30.0
    vectors[5_000:] = 0.0
    index = build_index(vectors, IndexConfig("ivf_flat"))
    queries = vectors[LIKED % 500].mean(axis=1)
    exact = np.argsort(-queries @ vectors.T, axis=1, kind="stable")[:, :100]
    rows = index.search(queries, 100)[1]
    shares = [len(set(a) & set(b)) / 100 for a, b in zip(exact, rows, strict=True)]
    assert np.mean(shares) > 0.95


def test_long_vectors_of_all_directions_are_found_in_few_cells():
    random = np.random.default_rng(4)
    vectors = like_factors()
    vectors[:40] = 20.0 * random.standard_normal((40, 8)) / np.sqrt(8.0)  # no two are near
    owners = assign_cells(vectors, 200, seed=0)
    assert (np.bincount(owners)[owners[:40]] == 1).all()
    liked = random.integers(0, 2_000, (100, 5))
    queries = vectors[liked].mean(axis=1)
    index = build_index(vectors, IndexConfig("ivf_sq8"), 0, queries)
    _, searched = index.quantizer.search(queries, index.nprobe)
    sizes = np.array([index.invlists.list_size(cell) for cell in range(index.nlist)])
    assert sizes[searched].sum(axis=1).mean() < 0.25 * len(vectors)


@pytest.mark.parametrize("least", [0.7, 0.95])
@pytest.mark.parametrize("kind", ["ivf_sq8", "ivf_pq"])
def test_as_many_cells_are_searched_as_the_wanted_recall_needs(kind, least):
    queries = VECTORS[np.random.default_rng(2).integers(0, 5_000, (200, 3))].mean(axis=1)
    index = build_index(VECTORS, IndexConfig(kind, least_recall=least), 0, queries[:100])
    own = measure_index(
        "own", index, VECTORS, queries[100:], exact_neighbours(VECTORS, queries[100:])
    )
    assert own["recall"] > least - 0.02  # of other users than those it was chosen by
    fewer = with_probes(index, index.nprobe // 2)
    exact = exact_neighbours(VECTORS, queries[:100])
    assert measure_index("less", fewer, VECTORS, queries[:100], exact)["recall"] < least + 0.01


def test_where_no_number_of_cells_finds_enough_the_search_is_exact():
    wanted = IndexConfig("ivf_pq", least_recall=1.0)
    random = np.random.default_rng(0)
    few = (random.standard_normal((5_000, 64)) ** 9).astype(np.float32)  # few codes are near
    queries = random.standard_normal((20, 64)).astype(np.float32)
    index = build_index(few, wanted, 0, queries, min_ivf_items=1)
    assert isinstance(index, faiss.IndexFlat)
    assert index.ntotal == len(few)


def test_cells_of_content_are_built_once_and_each_index_has_its_own_number_to_search():
    models = small_models()
    settings = IndexConfig("ivf_sq8", least_recall=0.9), IndexConfig("ivf_sq8", probed_share=0.5)
    first, second = (build_indexes(models, one, 0, min_ivf_items=1).content for one in settings)
    alone = build_index(models.content.items, settings[1], 0, min_ivf_items=1)
    assert faiss.serialize_index(second).tobytes() == faiss.serialize_index(alone).tobytes()
    searched = first.nprobe
    second.nprobe += 1
    assert first.nprobe == searched


def test_items_without_a_vector_lie_in_cells_of_the_usual_size():
    vectors = like_factors()
    vectors[2_000:] = 0.0
    owners = assign_cells(vectors, 200, seed=0)
    assert np.bincount(owners[2_000:])[owners[2_000]] <= 50
    assert not set(owners[:2_000]) & set(owners[2_000:])
    assert set(owners) == set(range(owners.max() + 1))


def test_products_are_exact_and_in_order_after_a_search_of_codes(made):
    for query in QUERIES:
        rows, products = search_refined(made["ivf_pq"], VECTORS, query, 50)
        assert len(rows) == 50
        assert products == pytest.approx(VECTORS[rows] @ query, rel=1e-5)
        assert (np.diff(products) <= 0).all()


@pytest.mark.parametrize(
    ("kind", "name"), [("ivf_sq8", "IndexIVFScalarQuantizer"), ("ivf_pq", "CellIndex")]
)
def test_the_manifest_says_what_an_index_with_cells_finds(kind, name, tmp_path):
    models = small_models()
    folder = write_bundle(
        build_training_result(
            models=models,
            build_indexes=partial(build_indexes, config=IndexConfig(kind), seed=0, min_ivf_items=1),
        ),
        tmp_path,
    )
    facts = read_manifest(folder).indexes
    assert facts["factors"].type == name
    assert facts["factors"].recall >= 0.95
    assert 1 <= facts["factors"].probed <= facts["factors"].cells
    exact = write_bundle(build_training_result(models=models), tmp_path)
    assert read_manifest(exact).indexes == {}


def test_losses_are_told_of_every_kind_that_is_offered(made):
    exact = exact_neighbours(VECTORS, QUERIES)
    losses = [measure_index(kind, index, VECTORS, QUERIES, exact) for kind, index in made.items()]
    assert [loss["name"] for loss in losses] == list(INDEX_KINDS)
    assert losses[0]["recall"] == 1.0
    assert losses[1]["recall"] > share_of_exact(made["sq8"])  # ordered by the vectors themselves
    assert all(loss["bytes"] > 0 and loss["ms"] > 0 for loss in losses)
    assert measure_index("none", made["flat"], VECTORS, QUERIES[:0], exact[:0])["recall"] == 1.0


def test_queries_are_the_vectors_that_serving_solves_for_these_users():
    factors, content = sample_user_vectors(MODELS, seed=0)
    profiles = QueryBuilder(MODELS, PopularityCounters(MODELS.popularity))
    served = [
        profiles.solve_vectors(profiles.build(request(name), MODELS.users.history(-1)))
        for name in MODELS.users.ids.names(np.flatnonzero(np.diff(MODELS.users.indptr)))
    ]
    assert {v.tobytes() for v in factors} == {taste.factors.tobytes() for taste in served}
    assert {v.tobytes() for v in content} == {taste.content.tobytes() for taste in served}


def test_a_funnel_is_judged_with_the_index_that_is_served(cpu):
    funnel = build_offline_funnel(
        MODELS, FunnelConfig(cpu, NO_CHECKPOINTS, indexes=index_builder(IndexConfig("sq8"), 0))
    )
    channels = {channel.name: channel for channel in funnel.local_channels}
    for name in ("embedding", "content"):
        assert isinstance(channels[name].index, faiss.IndexScalarQuantizer)


def test_a_bundle_of_quantised_indexes_is_trained_served_and_its_loss_is_printed(tmp_path):
    folder = write_recbole(tmp_path / "cinema", world(3, **SMALL))
    output = io.StringIO()
    with redirect_stdout(output):
        bundle_folder = train(
            folder, Settings(out=tmp_path / "out"), TrainOptions(index="sq8", config=QUICK)
        )
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
    print_index_losses(Console(file=exact), bundle_folder, "auto")  # exact: the items are few
    assert not exact.getvalue()
