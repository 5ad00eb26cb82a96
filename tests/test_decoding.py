"""Encodings: the text is right, or the file is refused, or it is said what was guessed; never silently wrong."""

from __future__ import annotations

import pytest

from rag.errors import ArticleError
from rag.reading.decoding import decode

ZH = "总部位于旧金山的初创公司在最新一轮融资中成功筹集了十亿美元。"
TRADITIONAL = "總部位於舊金山的初創公司在最新一輪融資中成功籌集了十億美元。"
DE = "Die Straße in München führt über die Brücke – „schön“, sagte er."
EN = "The company’s value doubled."


@pytest.mark.parametrize(
    ("text", "encoding", "guessed"),
    [
        ("总部位于旧", "gb18030", "gb18030"),
        ("訂閱電子報", "big5", "big5"),
        (ZH, "utf-16-le", "utf_16_le"),
        (ZH, "utf-16-be", "utf_16_be"),
        (f"{EN}\n{EN}", "utf-16-be", "utf_16_be"),
        ("Straße", "cp1252", "cp1252"),
        ("Grüße", "latin-1", "cp1252"),
        (DE, "cp1252", "cp1252"),
        (DE, "utf-16-le", "utf_16_le"),
        (f"{EN * 500}Müller", "cp1252", "cp1252"),
        (TRADITIONAL, "gb18030", "gb18030"),
        (TRADITIONAL, "big5", "big5"),
    ],
)
def test_what_is_guessed_is_right_and_told(text: str, encoding: str, guessed: str) -> None:
    decoded, warning = decode(text.encode(encoding))
    assert decoded == text
    assert warning is not None
    assert warning.value == guessed


@pytest.mark.parametrize("text", [ZH, DE, EN, TRADITIONAL])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_what_a_mark_or_utf_8_says_is_no_guess(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == (text, None)


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        (DE, "cp1252", "ISO-8859-1"),
        (ZH, "gb18030", "gb2312"),
        (TRADITIONAL, "big5", "Big5"),
        (DE, "utf-8", "gbk"),  # it is UTF-8 whatever it says
    ],
)
def test_what_a_file_says_of_itself_is_believed_where_its_text_bears_it_out(
    text: str, encoding: str, declared: str
) -> None:
    assert decode(text.encode(encoding), declared) == (text, None)


@pytest.mark.parametrize("declared", ["iso-8859-1", "utf-7", "no-such", "unicode_escape", "zlib", "a\x00b", ""])
def test_what_a_file_says_wrongly_is_not_believed(declared: str) -> None:
    text, warning = decode(ZH.encode("gb18030"), declared)
    assert text == ZH
    assert warning is not None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (f"{ZH}\n".encode() + ZH.encode("gb18030"), "mixes UTF-8 with another encoding, from line 2 on"),
        (ZH.encode("gb18030") + b"\n\n" + ZH.encode(), "mixes UTF-8 with another encoding, from line 1 on"),
        ("Größe\n".encode() + "Straße".encode("cp1252"), "can't be told"),
        (("Größe und Länge.\n" + "Schöne Grüße. " * 9).encode("cp1252") + "\nStraße".encode(), "from line 1 on"),
        (ZH.encode()[:-1], "mixes UTF-8"),  # cut off within a character
        (b"\xff\xfe" + ZH.encode("utf-16-le")[:-1], "begins as UTF-16"),
        (b"\xff\xfe\x00\xd8a\x00", "begins as UTF-16"),  # half of a surrogate pair
        (bytes(range(128, 256)) * 4, "encoding that can't be told"),
        (b"\x00" * 5000, "NUL"),
        (b"a\x00b" * 50, "NUL"),  # Chinese, if it were UTF-16
        (b"text\x00text", "NUL"),
    ],
)
def test_what_would_come_out_wrong_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ArticleError, match=reason):
        decode(data)
