"""The words of shops for what users do are event types, in files and over HTTP alike."""

import pytest

from app.api.event_bodies import check_events, parse_body
from app.event_types import SYNONYMS, find_event_type
from app.event_weights import TYPE_WEIGHTS, EventWeights
from offline.data.errors import TooManyBadRowsError
from offline.data.readers import load_dataset

WORDS = {
    "view": ["page_view", "pageview", "product_view", "view_item", "detail-page-view", "PV"],
    "click": ["Clicked", "tap", "select_item", "comment"],
    "add_to_cart": ["addtocart", "addToCart", "Add to cart", "add-to-cart", "cart", "basket"],
    "purchase": ["transaction", "order", "buy", "Buy Now", "checkout", "purchased"],
    "refund": ["refund", "return", "Order cancelled"],
    "remove_from_cart": ["remove_from_cart", "removeFromCart"],
    "like": ["fav", "favourite", "favorite", "wishlist", "upvote", "thumbs_up", "share"],
    "dislike": ["downvote", "thumbs-down", "unlike"],
    "play": ["listen", "scrobble", "stream"],
    "watch": ["watched"],
    "skip": ["skip"],
    "impression": ["impression", "view_item_list"],
}


@pytest.mark.parametrize(("kind", "word"), [(k, w) for k, ws in WORDS.items() for w in ws])
def test_a_word_of_a_shop_is_an_event_type(kind, word):
    assert find_event_type(word, TYPE_WEIGHTS) == kind


def test_no_word_has_two_meanings_and_every_type_has_a_weight():
    words = [word for words in SYNONYMS.values() for word in words.split()]
    assert len(words) == len(set(words))
    assert set(SYNONYMS) == set(TYPE_WEIGHTS)


def test_a_type_of_ones_own_comes_before_a_synonym():
    assert find_event_type("Share", {**TYPE_WEIGHTS, "share": 1.2}) == "share"
    assert find_event_type("buy", {"view": 0.2}) is None


def write(folder, words, schema=""):
    lines = [f"u{n},i{n},{word},{1_500_000_000 + n}" for n, word in enumerate(words)]
    (folder / "events.csv").write_text("\n".join(["user,item,event,ts", *lines]), "utf-8")
    if schema:
        (folder / "schema.toml").write_text(schema)
    return folder


def test_the_words_of_a_file_are_mapped_and_said(tmp_path):
    reading = load_dataset(write(tmp_path, ["view", "addtocart", "transaction"]))
    assert reading.dataset.log.weights.tolist() == pytest.approx([0.2, 1.5, 2.0])
    (finding,) = reading.findings
    assert finding.level == "good"
    assert "addtocart is add_to_cart" in finding.text
    assert "transaction is purchase" in finding.text


def test_unknown_words_are_answered_with_the_line_to_paste(tmp_path):
    folder = write(tmp_path, ["view"] * 5 + ["stare", "purchse"])
    line = 'types = { "stare" = "'
    with pytest.raises(TooManyBadRowsError) as refused:
        load_dataset(folder)
    assert "2 rows have an unknown event type: " in str(refused.value)
    assert line in str(refused.value)
    assert '"purchse" = "purchase"' in str(refused.value)
    reading = load_dataset(folder, max_bad_share=1.0)
    assert any(f.level == "problem" and line in f.text for f in reading.findings)


def test_the_line_to_paste_is_toml_whatever_the_words(tmp_path):
    folder = write(tmp_path, ["view"] * 5 + ["st\\are 'x'", "привет"])
    (text,) = [
        f.text for f in load_dataset(folder, max_bad_share=1.0).findings if "types" in f.text
    ]
    line = text[text.index("types = {") : text.index("};") + 1]
    (folder / "schema.toml").write_text(f"[interactions]\n{line}\n", "utf-8")
    assert len(load_dataset(folder).dataset.log) == 7


def test_the_schema_names_words_in_any_case(tmp_path):
    schema = '[interactions]\ntypes = { "stare" = "view" }\n[type_weights]\nshare = 1.2\n'
    reading = load_dataset(write(tmp_path, ["Stare", "stare", "share"], schema))
    assert reading.dataset.log.weights.tolist() == pytest.approx([0.2, 0.2, 1.2])


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("pageview", "view"),
        ("addToCart", "add_to_cart"),
        ("order", "purchase"),
        ("Add to cart", "add_to_cart"),
    ],
)
def test_the_service_takes_the_same_words(word, kind):
    batch = parse_body(b'[{"user_id": "u", "item_id": "i", "type": "%s"}]' % word.encode(), JSON)
    checked = check_events(batch, EventWeights(), now=1e9)
    assert checked.valid[0].type == kind


JSON = "application/json"


def test_the_service_refuses_a_rating_by_another_name_without_a_value():
    batch = parse_body(b'[{"user_id": "u", "item_id": "i", "type": "rate"}]', JSON)
    assert (
        check_events(batch, EventWeights(), now=1e9).invalid[0].message == "a rating needs a value"
    )
