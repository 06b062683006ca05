"""An id that training takes is taken over HTTP too, and the other way round."""

import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from app.api.schemas import PublicId
from offline.data.table import id_fault

IDS = TypeAdapter(PublicId)


def fault_in_training(text: str) -> str | None:
    return pl.DataFrame({"id": [text]}).select(id_fault("id", "user")).item()


@pytest.mark.parametrize(
    "text",
    [
        "a\u00a0b",
        "a\u200cb",
        "a\u200db",
        "a\u3000b",
        "👩\u200d👩",
        "a\u2028b",
        "\ufeffa",
        "\uffff",
        "a\u00adb",
    ],
)
def test_spaces_joiners_and_emoji_are_part_of_an_id_everywhere(text):
    assert IDS.validate_python(text) == text
    assert fault_in_training(text) is None


@pytest.mark.parametrize("text", ["a\0", "a\tb", "a\nb", "a\x1fb", "a\x7fb", "a\x80b", "a\x9fb"])
def test_control_characters_are_refused_everywhere(text):
    with pytest.raises(ValidationError, match="must not contain control characters"):
        IDS.validate_python(text)
    assert fault_in_training(text) == "user id with a control character"


def test_half_of_a_surrogate_pair_is_no_text():
    with pytest.raises(ValidationError, match="without half of a pair of surrogates"):
        IDS.validate_python("a\ud800")
