import numpy as np
import pytest

from offline.models import segments
from offline.models.segments import SegmentEncoding, SegmentsConfig, encode_segments, fit_segments
from tests.unit.models.logs import EMPTY, SHAPE, random_log


def texts(*values):
    return np.array(values, np.str_)


def test_ages_fall_into_equally_full_bands_named_by_their_ends():
    ages = np.arange(20, 70)
    labels, codes = segments.encode_attribute(
        np.random.default_rng(0).permutation(ages).astype(np.str_)
    )
    assert labels == ("20-29", "30-39", "40-49", "50-59", "60-69")
    assert np.bincount(codes).tolist() == [10] * 5


def test_every_number_lies_in_the_band_it_is_given():
    ages = np.random.default_rng(1).integers(7, 74, 300)
    labels, codes = segments.encode_attribute(np.append(ages.astype(np.str_), ""))
    assert codes[-1] == -1
    for age, code in zip(ages, codes, strict=False):
        low, high = labels[code].split("-")
        assert int(low) <= age <= int(high)


def test_a_band_of_one_number_is_called_by_it():
    labels, codes = segments.encode_attribute(texts(*(["18"] * 60), *map(str, range(20, 40))))
    assert labels[0] == "18"
    assert (codes[:60] == 0).all()


def test_few_numbers_stay_codes_in_the_order_of_numbers():
    labels, codes = segments.encode_attribute(texts("18", "5", "", "35", "5"))
    assert labels == ("5", "18", "35")
    assert codes.tolist() == [1, 0, -1, 2, 0]


@pytest.mark.parametrize("odd", ["nan", "inf", "01234", "x1"])
def test_postcodes_and_other_texts_are_not_numbers(odd):
    labels, _ = segments.encode_attribute(texts(odd, *map(str, range(100, 120))))
    assert len(labels) == 21


def test_at_most_four_attributes_of_usable_size_are_chosen_best_known_first():
    many = texts(*(f"street {u}" for u in range(60)))
    attributes = {
        "street": many,
        "constant": texts(*["x"] * 60),
        "blank": texts(*[""] * 60),
        "rare": texts(*["a", "b"], *[""] * 58),
        **{f"a{n}": texts(*["m", "f"] * 30) for n in range(3)},
        "mostly": texts(*["m", "f"] * 25, *[""] * 10),
    }
    found = encode_segments(attributes, 60)
    assert found.names == ("a0", "a1", "a2", "mostly")
    assert found.codes.shape == (60, 4)
    assert found.labels[0] == ("f", "m")
    assert found.codes[:2, 0].tolist() == [1, 0]


def test_shares_are_those_of_the_obvious_loop():
    log = random_log(0)
    random = np.random.default_rng(1)
    codes = np.stack([random.integers(-1, 2, SHAPE[0]), random.integers(0, 3, SHAPE[0])], axis=1)
    encoding = SegmentEncoding(("x", "y"), (("a", "b"), ("c", "d", "e")), codes.astype(np.int32))
    found = fit_segments(log, encoding, SHAPE[1], SegmentsConfig(prior=7.0))
    worth = np.maximum(log.weights, 0)
    overall = np.array([worth[log.items == i].sum() for i in range(SHAPE[1])]) / worth.sum()
    assert found.offsets.tolist() == [0, 2, 5]
    for attribute, size in enumerate((2, 3)):
        for code in range(size):
            of = codes[log.users, attribute] == code
            likes = [worth[of & (log.items == i)].sum() for i in range(SHAPE[1])]
            expected = (np.array(likes) + 7 * overall) / (worth[of].sum() + 7)
            row = found.offsets[attribute] + code
            assert np.allclose(found.share[row], expected, atol=1e-6)
            assert found.mass[row] == pytest.approx(worth[of].sum())
    assert np.allclose(found.share[-1], overall)
    assert found.mass[-1] == pytest.approx(worth.sum())
    assert found.prior == 7.0
    assert np.allclose(found.share.sum(axis=1), 1.0)
    assert found.share.dtype == np.float32


def test_without_likes_every_item_is_equally_likely():
    found = fit_segments(
        EMPTY, encode_segments({"x": texts(*["a", "b"] * 6)}, 12), SHAPE[1], SegmentsConfig()
    )
    assert np.allclose(found.share, 1 / SHAPE[1])
    assert found.mass.tolist() == [0.0, 0.0, 1.0]


def test_without_attributes_the_arrays_are_empty_and_of_the_right_shape():
    encoding = encode_segments({}, 12)
    found = fit_segments(random_log(0), encoding, SHAPE[1], SegmentsConfig())
    assert encoding.codes.shape == (12, 0)
    assert (found.names, found.labels) == ((), ())
    assert found.offsets.tolist() == [0]
    assert found.share.shape == (1, SHAPE[1])
    assert fit_segments(EMPTY, encoding, 0, SegmentsConfig()).share.shape == (1, 0)
