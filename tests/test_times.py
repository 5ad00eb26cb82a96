"""Times as people write them in three languages, and what proves what."""

from __future__ import annotations

import pytest

from rag.support.times import times
from rag.types import Lang

DAY = {"year": 2024, "month": 5, "day": 3}


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("en", "on 3 May 2024", [DAY]),
        ("en", "on May 3, 2024", [DAY]),
        ("en", "on May 3rd", [{"month": 5, "day": 3}]),
        ("en", "2024-05-03", [DAY]),
        ("en", "It may march in mid-2029.", [{"year": 2029}]),
        ("en", "They met in May and on Tuesday.", [{"month": 5}, {"weekday": 2}]),
        ("en", "$2024, 2,024 people, 2024%", []),
        ("de", "am 3. Mai 2024", [DAY]),
        ("de", "am 3.5.2024", [DAY]),
        ("de", "im Schuljahr 2026/27 und am Mittwoch", [{"year": 2026}, {"weekday": 3}]),
        ("zh", "2024年5月3日", [DAY]),
        ("zh", "五月三十日前，十二月，周五", [{"month": 5}, {"month": 12}, {"weekday": 5}]),
        ("zh", "2014年至2018年", [{"year": 2014}, {"year": 2018}]),
        ("zh", "3个月，12月度报告", []),
    ],
)
def test_a_time_is_read_as_far_as_it_is_said(lang: Lang, text: str, expected: list[dict[str, int]]) -> None:
    assert [time.says() for time in times(text, lang)] == expected


@pytest.mark.parametrize(
    ("lang", "said", "other_lang", "there", "proven"),
    [
        ("de", "im Mai", "zh", "5月3日", True),
        ("zh", "2024年5月", "en", "3 May 2024", True),
        ("de", "am 3. Mai", "en", "early in May", False),  # less exact
        ("de", "am 4. Mai", "en", "3 May", False),
        ("en", "2023", "zh", "2024年5月3日", False),
        ("zh", "周二", "en", "on Tuesday", True),
    ],
)
def test_a_time_is_proven_by_one_that_says_as_much(
    lang: Lang, said: str, other_lang: Lang, there: str, proven: bool
) -> None:
    (one,), (other,) = times(said, lang), times(there, other_lang)
    assert one.fits(other) is proven
