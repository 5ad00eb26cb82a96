"""Amounts as people write them in three languages come out as the same numbers."""

from __future__ import annotations

import pytest

from rag.language.quantities import amounts, differ, quantities
from rag.types import Lang


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("en", "$14bn", [(14e9, "USD")]),
        ("en", "US$14 billion", [(14e9, "USD")]),
        ("en", "14,000,000,000 dollars", [(14e9, "USD")]),
        ("en", "a billion euros", [(1e9, "EUR")]),
        ("en", "€1.5m and £20k", [(1.5e6, "EUR"), (2e4, "GBP")]),
        ("en", "fell by 4.5 per cent to 20%", [(4.5, "%"), (20.0, "%")]),
        ("en", "57 kilometres, 28.2 million tonnes", [(57.0, "km"), (28.2e6, "t")]),
        ("de", "14 Milliarden US-Dollar", [(14e9, "USD")]),
        ("de", "14.000.000.000 Dollar", [(14e9, "USD")]),
        ("de", "13,8 Mrd. Euro", [(13.8e9, "EUR")]),
        ("de", "eine Million Euro, sieben Billionen Dollar", [(1e6, "EUR"), (7e12, "USD")]),
        ("de", "um 0,5 Prozent, 20 %", [(0.5, "%"), (20.0, "%")]),
        ("de", "57 Kilometer lang", [(57.0, "km")]),
        ("zh", "筹集了10亿美元，估值140亿美元", [(1e9, "USD"), (14e9, "USD")]),
        ("zh", "1.5万亿元人民币", [(1.5e12, "CNY")]),
        ("zh", "三千万欧元", [(3e7, "EUR")]),
        ("zh", "三亿欧元", [(3e8, "EUR")]),
        ("zh", "占全球的55%，隧道长57公里", [(55.0, "%"), (57.0, "km")]),
    ],
)
def test_an_amount_is_read_with_its_scale_and_unit(lang: Lang, text: str, expected: list[tuple[float, str]]) -> None:
    found = quantities(text, lang)
    assert [quantity.unit for quantity in found] == [unit for _, unit in expected]
    assert [quantity.value for quantity in found] == pytest.approx([value for value, _ in expected])
    assert all(text[quantity.start : quantity.end].strip() for quantity in found)


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "In 2016 Scale had 600 customers in Building 14."),
        ("en", "version 3.5, page 12, a dollar"),
        ("de", "Am 21. Mai 2024 waren es 600 Kunden. Ein Euro."),
        ("de", "Artikel 14 Absatz 2"),
        ("zh", "2016年，600名客户，第14页"),
        ("zh", "一美元"),
        ("en", ""),
    ],
)
def test_what_has_no_unit_is_no_amount(lang: Lang, text: str) -> None:
    assert quantities(text, lang) == []


@pytest.mark.parametrize(
    "texts",
    [
        {"en": "$14bn", "de": "14 Milliarden Dollar", "zh": "140亿美元"},
        {"en": "1.5 trillion euros", "de": "1,5 Billionen Euro", "zh": "1.5万亿欧元"},
        {"en": "20 percent", "de": "20 Prozent", "zh": "20％"},
    ],
)
def test_the_same_amount_is_the_same_in_every_language(texts: dict[Lang, str]) -> None:
    (first, *others) = [quantities(text, lang)[0] for lang, text in texts.items()]
    assert all(one.unit == first.unit and not differ(one.value, first.value) for one in others)


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("en", "about 3,200 employees, twelve of them", [(3200.0, ""), (12.0, "")]),
        ("en", "twenty-five thousand jobs", [(25000.0, "")]),
        ("en", "6.4 percentage points, 25 basis points", [(6.4, "pp"), (25.0, "bp")]),
        ("en", "19 miles, 16.66 degrees Celsius", [(19.0, "mi"), (16.66, "°C")]),
        ("en", "HK$73 million, 1,200 square kilometres", [(73e6, "HKD"), (1200.0, "km²")]),
        ("en", "within twelve months", [(31557600.0, "s")]),
        ("en", "a year, one of them, an hour", []),
        ("en", "a 47-year-old woman", [(47.0, "")]),
        ("de", "3.200 Mitarbeiter, einundzwanzig Häuser", [(3200.0, ""), (21.0, "")]),
        ("de", "eine halbe Million Euro", [(5e5, "EUR")]),
        ("de", "sechs Prozentpunkte, zehn Millionen schwedische Kronen", [(6.0, "pp"), (1e7, "krone")]),
        ("de", "innerhalb von zwölf Monaten", [(31557600.0, "s")]),
        ("zh", "3200名员工，两百人，一起", [(3200.0, ""), (200.0, "")]),
        ("zh", "200多万人，1.4万余例", [(2e6, ""), (1.4e4, "")]),
        ("zh", "0.1个百分点，10个基点，九成", [(0.1, "pp"), (10.0, "bp"), (90.0, "%")]),
        ("zh", "543亿港元，142.3公里，7235公顷", [(5.43e10, "HKD"), (142.3, "km"), (7235.0, "ha")]),
        ("zh", "十二个月，46分钟", [(31557600.0, "s"), (2760.0, "s")]),
    ],
)
def test_every_number_is_an_amount_with_its_unit_or_a_bare_count(
    lang: Lang, text: str, expected: list[tuple[float, str]]
) -> None:
    found = amounts(text, lang)
    assert [amount.unit for amount in found] == [unit for _, unit in expected]
    assert [amount.value for amount in found] == pytest.approx([value for value, _ in expected])


def test_amounts_agree_to_the_last_digit_unless_they_are_rough_ones() -> None:
    (one,), (other,) = amounts("62,000", "en"), amounts("6.19万", "zh")
    assert one.agrees(other, rough=True)
    assert not one.agrees(other)
    (euros,), (dollars,), (bare,) = amounts("7 Euro", "de"), amounts("7 dollars", "en"), amounts("7", "en")
    assert not euros.agrees(dollars, rough=True)
    assert bare.agrees(euros)
