"""The names of months in other languages, as the first English letters of them."""

import re
import unicodedata
from collections.abc import Mapping

ENGLISH = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMES = (
    "januar jan januari janvier janv enero ene gennaio gen janeiro",
    "februar februari feb fevrier fevr febrero febbraio fevereiro fev",
    "marz maerz mrz maart mars marzo marco",
    "april avril avr abril abr aprile",
    "mai mei mayo maggio mag maio",
    "juni jun juin junio giugno giu junho",
    "juli jul juillet juil julio luglio lug julho",
    "august augustus aout agosto ago",
    "september sept septembre septiembre settembre set setembro",
    "oktober okt octobre octubre ottobre ott outubro out",
    "november nov novembre noviembre novembro",
    "dezember dez december decembre diciembre dic dicembre dezembro",
)
_MONTHS: Mapping[str, str] = {
    name: month for month, names in zip(ENGLISH, _NAMES, strict=True) for name in names.split()
}
_WORDS = re.compile(r"[a-z]+", re.IGNORECASE)
_OF = re.compile(r"\s+de[l]?\s+", re.IGNORECASE)  # 1 de marzo de 2024


def with_english_month(text: str) -> str:
    """Return a text with the name of a month in English: ``1. März 2024`` is ``1. mar 2024``."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = _OF.sub(" ", plain)
    return _WORDS.sub(lambda word: _MONTHS.get(word[0].lower(), word[0]), plain)
