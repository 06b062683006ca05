"""Decode text files: by their byte order mark, by the schema, or by what the bytes can only be."""

import codecs
import re
from dataclasses import dataclass

from offline.data.foreign_names import count_foreign_words
from offline.data.schema import DETECT_ENCODING

MARKS = (  # the longer ones first: that of UTF-32 begins as that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UTF_8 = frozenset({"utf-8", "utf8", "utf_8", "utf-8-sig"})
LEGACY = "cp1252"  # of Windows; it has all letters of Latin-1
OTHER_ENCODINGS = ("cp932", "gb18030", "big5", "euc_kr", "cp1251", "cp1250", "koi8_r")
SAMPLE = 4_096  # bytes at the start in which NUL bytes are counted
MIN_NULS = 0.3  # share of NUL bytes at even or odd places: plain text in UTF-16 has about 0.5
_ABOVE_ASCII = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text of a file, and how it was found."""

    text: str
    encoding: str
    broken: tuple[int, ...] = ()  # numbers of the lines that are not valid in the encoding, from 1
    is_guess: bool = False  # neither the schema nor a mark names the encoding


def decode(raw: bytes, encoding: str) -> DecodedText:
    """Decode the content of a file.

    Args:
        raw: The whole content.
        encoding: That of the schema. A byte order mark overrides UTF-8, the default. Bytes that
            are not UTF-8 anywhere are those of Windows.
    """
    mark = next((name for mark, name in MARKS if raw.startswith(mark)), None)
    is_default = encoding in UTF_8 or encoding == DETECT_ENCODING
    if mark and is_default:
        return _decode_as(raw, mark, "utf-8" if mark == "utf-8-sig" else mark)
    if not is_default:
        return _decode_as(raw, encoding, encoding)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        wide = _wide_encoding(raw)
        if wide is None:
            return _decode_legacy(raw, encoding)
    else:
        wide = _wide_encoding(raw) if "\0" in text[:SAMPLE] else None
        if wide is None:
            return DecodedText(text, "utf-8")
    decoded = _decode_as(raw, wide, wide)
    return DecodedText(decoded.text, wide, decoded.broken, is_guess=True)


def _decode_as(raw: bytes, codec: str, name: str) -> DecodedText:
    try:
        return DecodedText(raw.decode(codec), name)
    except UnicodeDecodeError:
        text = raw.decode(codec, "replace")
    lines = enumerate(text.split("\n"), start=1)
    return DecodedText(text, name, tuple(n for n, line in lines if "\ufffd" in line))


def _decode_legacy(raw: bytes, encoding: str) -> DecodedText:
    """Decode bytes that are not UTF-8: as UTF-8 with broken lines if any other line is UTF-8."""
    if encoding == DETECT_ENCODING:
        return DecodedText(raw.decode("latin-1"), "latin-1")
    lines = raw.split(b"\n")
    broken = tuple(n for n, line in enumerate(lines, start=1) if not _is_utf_8(line))
    n_special = sum(1 for line in lines if _ABOVE_ASCII.search(line))
    if 2 * len(broken) <= n_special:
        return DecodedText(raw.decode("utf-8", "replace"), "utf-8", broken)
    named = _encoding_of_names(lines[0])
    try:
        return DecodedText(raw.decode(named), named, is_guess=True)
    except UnicodeDecodeError:  # five bytes have no letter in it
        return DecodedText(raw.decode("latin-1"), "latin-1", is_guess=True)


def _encoding_of_names(header: bytes) -> str:
    """Return the encoding in which a header has the most words for columns; LEGACY if none has."""
    counts = {}
    for encoding in (LEGACY, *OTHER_ENCODINGS):
        try:
            counts[encoding] = count_foreign_words(header.decode(encoding))
        except UnicodeDecodeError:
            continue
    return max(counts, key=counts.__getitem__, default=LEGACY)


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _wide_encoding(raw: bytes) -> str | None:
    """Return UTF-16 of the byte order in which every second byte of plain text is NUL, or None."""
    head = raw[:SAMPLE]
    half = max(len(head) // 2, 1)
    even, odd = head[::2].count(0) / half, head[1::2].count(0) / half
    if odd >= MIN_NULS > even:
        return "utf-16-le"
    return "utf-16-be" if even >= MIN_NULS > odd else None
