"""From the bytes of a file to its text: encodings told, and guessed only with a warning."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from rag.errors import ArticleError
from rag.language.text import HAN
from rag.types import ParseWarning

# What files in Chinese, English and German come in, beside UTF-8; of two that fit alike, the earlier is taken.
GUESSES = {
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "cp1252": "cp1252",
    "utf_16_le": "utf-16-le",
    "utf_16_be": "utf-16-be",
}
SURE_ENOUGH = 0.8  # share of the characters that fit; the wrong encoding rarely makes half of them fit
SAMPLE = 20_000  # characters that are judged

# A mark of UTF-32 begins with that of UTF-16, so it comes first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What a page or a feed may say of itself. Others (UTF-7, escapes) are ways to hide something.
_DECLARABLE = re.compile(r"gb\w*|big5\w*|iso8859[\w-]*|cp\d+|euc\w*|shift\w*|koi8[\w-]*|mac[\w-]*|ascii|utf-16[\w-]*")
# As browsers read them: what calls itself the smaller set is written in the larger one.
_LARGER = {"gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "iso8859-1": "cp1252", "ascii": "cp1252"}
# Four Chinese characters of UTF-8 in a row, which text in another encoding does not hold by chance.
_CHINESE_UTF8 = re.compile(rb"(?:[\xe3-\xe9\xef][\x80-\xbf]{2}){4}")
_WESTERN_UTF8 = re.compile(rb"\xc3[\x80-\xbf]|\xe2\x80[\x90-\xbf]")  # umlauts, dashes, quotation marks
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
_NOT_ASCII = re.compile(r"[^\t\n\r\x0c\x20-\x7e]+")
_WESTERN = re.compile(
    "[\u00a0\u00a7\u00a9\u00ab\u00ae\u00b0\u00b2-\u00b5\u00b7\u00bb-\u00bd\u00bf-\u00d6\u00d8-\u00f6\u00f8-\u00ff"
    "\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u2010-\u203a\u20ac\u2122]"
)
_CHINESE_MARK = re.compile("[\u00b7\u2010-\u2026\u2460-\u24ff\u3000-\u3011\u3014-\u301e\uff01-\uff5e\uffe5]")
_HAN = re.compile(f"[{HAN}]")


def decode(data: bytes, declared: str | None = None) -> tuple[str, ParseWarning | None]:
    """The text of a file with ``\\n`` line ends and without a byte-order mark, and a warning if it was guessed.

    A byte-order mark is believed, then UTF-8 if all of it is, then what the file says of itself (``declared``) if the
    text bears it out; then it is guessed.

    Raises:
        ArticleError: it is no text, mixes encodings, or is in none that can be told.

    >>> decode("\\ufeffStraße\\r\\n".encode())
    ('Straße\\n', None)
    >>> text, warning = decode("Straße".encode("cp1252"))
    >>> text, str(warning)
    ('Straße', 'not UTF-8, read as cp1252')
    """
    warning = None
    text = _marked(data)
    if text is None:
        text = _utf8(data)
    if text is None:
        text = _declared(data, declared)
    if text is None:
        text, warning = _guess(data)
    if "\x00" in text:
        raise ArticleError("is not a text file (it holds NUL characters)")
    return text.replace("\r\n", "\n").replace("\r", "\n"), warning


def _marked(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise ArticleError(f"begins as {encoding.upper()} and is not; save it as UTF-8") from error
    return None


def _utf8(data: bytes) -> str | None:
    """The text if it is UTF-8. English in UTF-16 would pass for it; every other byte of that is zero."""
    try:
        return data.decode("utf-8-sig") if 4 * data.count(b"\x00") < max(1, len(data)) else None
    except UnicodeDecodeError:
        return None


def _declared(data: bytes, declared: str | None) -> str | None:
    try:
        name = codecs.lookup(declared or "").name
    except (LookupError, ValueError):  # unknown, or with a NUL in it
        return None
    if not _DECLARABLE.fullmatch(name):
        return None
    text = _strictly(data, _LARGER.get(name, name))
    return text if text is not None and fit(text) >= SURE_ENOUGH else None


def _guess(data: bytes) -> tuple[str, ParseWarning]:
    if _CHINESE_UTF8.search(data):
        raise _mixed(data)
    zeros = data.count(b"\x00")
    # In UTF-16 every other byte of Latin text is zero, and the ones between are not.
    if 4 * zeros >= len(data) and max(data[::2].count(b"\x00"), data[1::2].count(b"\x00")) < 0.9 * zeros:
        raise ArticleError("is not a text file (it holds NUL characters)")
    fitting = [
        (fit(text, all_of_it=name.startswith("utf")), name, text)
        for name, encoding in GUESSES.items()
        if (text := _strictly(data, encoding)) is not None
    ]
    runs = [len(run) for run in _HIGH_BYTES.findall(data[: 10 * SAMPLE])]
    if runs.count(1) > 0.8 * len(runs):  # umlauts stand alone; a Chinese character is two bytes, most often both high
        fitting.sort(key=lambda one: one[1] != "cp1252")
    best, name, text = max(fitting, key=lambda one: one[0], default=(0.0, "", ""))
    if best < SURE_ENOUGH:
        raise ArticleError("has an encoding that can't be told; save it as UTF-8")
    if name == "cp1252" and _WESTERN_UTF8.search(data):
        raise _mixed(data)
    return text, ParseWarning("encoding", name)


def _mixed(data: bytes) -> ArticleError:
    try:
        data.decode()
        at = 0
    except UnicodeDecodeError as error:
        at = error.start
    line = data.count(b"\n", 0, at) + 1
    return ArticleError(f"mixes UTF-8 with another encoding, from line {line} on; save it as UTF-8")


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def fit(text: str, *, all_of_it: bool = False) -> float:
    """How much of what is not ASCII (or of it all) fits Chinese, English or German text, 0 to 1.

    >>> fit("Straße – 公司"), fit("Str鎝e"), fit("×Ü²¿")
    (1.0, 0.0, 0.0)
    """
    fits = seen = at = 0
    for run in _NOT_ASCII.finditer(text):
        characters = text[run.start() : min(run.end(), run.start() + SAMPLE)]
        seen += len(characters)
        fits += sum(c in _common() or bool(_CHINESE_MARK.match(c)) for c in characters)
        # Umlauts and marks stand alone or in twos; the bytes of Chinese text seen as such stand in rows.
        western = [c for c in characters if _WESTERN.match(c) and not _CHINESE_MARK.match(c)]
        fits += len(western) if len(western) < 3 else 0
        at = run.start() + len(characters)
        if seen >= SAMPLE:
            break
    if all_of_it:
        ascii_characters = at - seen if seen >= SAMPLE else len(text) - seen
        fits, seen = fits + ascii_characters, seen + ascii_characters
    return fits / seen if seen else 1.0


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    """The Chinese characters in everyday use: the first levels of GB 2312 and of Big5."""
    simplified = bytes(b for high in range(0xB0, 0xD8) for low in range(0xA1, 0xFF) for b in (high, low))
    trails = (*range(0x40, 0x7F), *range(0xA1, 0xFF))
    traditional = bytes(b for high in range(0xA4, 0xC7) for low in trails for b in (high, low))
    both = simplified.decode("gb2312", "ignore") + traditional.decode("big5", "ignore")
    return frozenset(_HAN.findall(both))
