import warnings
from dataclasses import replace

import numpy as np
import pytest

from app.catalogue.ids import Texts
from offline.models.content import ContentConfig, fit_content, fit_content_and_encoder
from tests.unit.models.logs import catalogue

WORDS = ["star", "wars", "love", "night", "return", "king", "story", "war", "city", "blue"]


def many_titles(n):
    random = np.random.default_rng(0)
    return [f"{random.choice(WORDS)} {random.choice(WORDS)} w{i % 60}" for i in range(n)]


def near(items):
    return items @ items.T


def test_items_of_like_titles_categories_and_decades_are_nearer():
    titles = ["Star Wars", "Star Trek", "Amélie", "Amelie"]
    found = near(
        fit_content(catalogue(titles, [[1, 0], [1, 0], [0, 1], [0, 1]]), ContentConfig(), 0).items
    )
    assert found[0, 1] > found[0, 2]
    assert found[2, 3] == pytest.approx(1.0, abs=1e-6)
    decades = fit_content(
        catalogue([None] * 3, [[1]] * 3, [1994, 1999, 2001]), ContentConfig(), 0
    ).items
    assert near(decades)[0, 1] > near(decades)[0, 2]


def test_a_rare_category_says_more_than_a_common_one():
    table = [[1, 1], [1, 0], [0, 1], *[[1, 0]] * 6]
    found = near(fit_content(catalogue([None] * 9, table), ContentConfig(), 0).items)
    assert found[0, 2] > found[0, 1]


def test_vectors_are_of_unit_length_or_all_zero_where_nothing_is_known():
    found = fit_content(
        catalogue(["Star Wars", None, ""], [[0], [0], [1]]), ContentConfig(), 0
    ).items
    assert np.allclose(np.linalg.norm(found, axis=1), [1, 0, 1])
    assert found.dtype == np.float32


@pytest.mark.parametrize("n", [20, 300])
def test_titles_take_at_most_the_dimensions_allowed(n):
    config = ContentConfig(title_size=15)
    found = fit_content(catalogue(many_titles(n)), config, 0).items
    assert found.shape == (n, 15)
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)


def test_the_same_seed_gives_the_same_bits():
    one, two = (
        fit_content(catalogue(many_titles(300)), ContentConfig(), 3).items for _ in range(2)
    )
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("titles", [[None, None], ["", "?"], []])
def test_a_catalogue_without_words_and_categories_has_no_content(titles):
    released = [1990.0] * len(titles)
    assert fit_content(catalogue(titles, None, released), ContentConfig(), 0).items.shape == (
        len(titles),
        0,
    )


def test_titles_that_are_all_alike_do_no_harm():
    title = " ".join(f"word{i}" for i in range(60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit_content(catalogue([title] * 50), ContentConfig(), 0).items
    assert np.allclose(near(found), 1.0, atol=1e-5)


def test_one_item_works():
    assert np.allclose(near(fit_content(catalogue(["Star"]), ContentConfig(), 0).items), 1.0)
    long = " ".join(f"word{i}" for i in range(60))
    assert np.allclose(near(fit_content(catalogue([long]), ContentConfig(), 0).items), 1.0)


@pytest.mark.parametrize("n", [20, 300])
def test_what_is_read_of_one_item_gives_the_vector_that_the_whole_catalogue_gave_it(n):
    titles = [f"{title}, l'Été À {at}" for at, title in enumerate(many_titles(n))]
    titles[3] = None
    table = np.random.default_rng(1).random((n, 4)) < 0.4
    years = [np.nan if at % 7 == 0 else 1950 + at % 50 for at in range(n)]
    known = catalogue(titles, table, years)
    found, reader = fit_content_and_encoder(known, ContentConfig(title_size=15), 0)
    for row in range(n):
        one = reader.vector(known.categories[row], titles[row] or "", known.released[row])
        assert one == pytest.approx(found.items[row], abs=2e-4), row
    nothing = reader.vector(np.zeros(4, np.uint8), "unheard", np.nan)
    assert nothing.dtype == np.float32
    assert not nothing.any()


def test_the_words_of_descriptions_bring_items_together():
    titled = catalogue(["One", "Two", "Three", "Four"], [[1]] * 4)
    prose = ["a knight rides to war", "the knight at war", "bread and butter", None]
    described = replace(titled, descriptions=Texts.of(prose))
    content, encoder = fit_content_and_encoder(described, ContentConfig(), 1)
    similarity = content.items @ content.items.T
    assert similarity[0, 1] > similarity[0, 2]
    assert encoder is not None
    assert b"knight" in encoder.words.tolist()
    assert b"knight" not in fit_content_and_encoder(titled, ContentConfig(), 1)[1].words.tolist()
