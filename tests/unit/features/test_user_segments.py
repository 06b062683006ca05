from dataclasses import replace

import numpy as np
import pytest

from app.artifacts import Segments
from app.catalogue.ids import IdIndex
from app.features.user_segments import segment_codes, segment_labels, segment_rows_of_users
from offline.models import segments
from tests.fakes import small_models

MODELS = small_models()
LABELS = (("18-24", "25-34", "35"), ("F", "M"), ("1", "5", "9"))
OFFSETS = np.array([0, 3, 5, 8])
KNOWN = Segments(("age", "gender", "group"), LABELS, OFFSETS, np.zeros((9, 2)), np.ones(9), 1.0)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, [-1, -1, -1]),
        ({"age": "25-34", "gender": "F", "group": "5"}, [1, 0, 1]),
        ({"age": " 30 ", "gender": "m"}, [1, 1, -1]),
        ({"age": "24.5"}, [1, -1, -1]),
        ({"age": "7"}, [0, -1, -1]),
        ({"age": "99"}, [2, -1, -1]),
        ({"age": "old", "gender": "x", "group": "6", "shoe": "44"}, [-1, -1, -1]),
        ({"age": "nan"}, [-1, -1, -1]),
    ],
)
def test_what_is_told_falls_into_the_segments_of_the_bundle(told, expected):
    assert segment_codes(KNOWN, told).tolist() == expected


def test_users_of_the_bundle_have_rows_of_the_table_of_shares():
    of = np.array([[1, -1, 2], [0, 1, -1]], np.int32)
    users = replace(MODELS.users, ids=IdIndex.of(["u1", "u2"]), segments=of)
    found = segment_rows_of_users(users, KNOWN, ["u2", "stranger", "u1"], [{}] * 3)
    assert found.tolist() == [[0, 4, -1], [-1, -1, -1], [1, -1, 7]]


def test_what_is_told_of_users_wins_over_what_the_bundle_knows():
    of = np.array([[1, -1, 2], [0, 1, -1]], np.int32)
    users = replace(MODELS.users, ids=IdIndex.of(["u1", "u2"]), segments=of)
    told = [{"age": "20", "gender": "unheard of"}, {"gender": KNOWN.labels[1][1]}, {}]
    age = int(segment_codes(KNOWN, {"age": "20"})[0])
    found = segment_rows_of_users(users, KNOWN, ["u2", "stranger", "u1"], told)
    assert found.tolist() == [[age, 4, -1], [-1, 4, -1], [1, -1, 7]]


def test_segments_are_named():
    assert segment_labels(KNOWN, segment_codes(KNOWN, {"age": "20"})) == {
        "age": "18-24",
        "gender": None,
        "group": None,
    }


def test_live_attributes_fall_where_the_same_ones_fell_in_training():
    texts = np.array([str(n) for n in range(-20, 80, 3)] + ["", "0.5"])
    labels, trained = segments.encode_attribute(texts)
    n = len(labels)
    one = Segments(("age",), (labels,), np.array([0, n]), np.zeros((n + 1, 1)), np.ones(n + 1), 1.0)
    live = [int(segment_codes(one, {"age": text})[0]) if text else -1 for text in texts.tolist()]
    assert live == trained.tolist()
