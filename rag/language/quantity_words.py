"""The words of numbers, scales and units in Chinese, English and German: tables without logic."""

from __future__ import annotations

from rag.types import Lang

# The small numbers of each language, each with those that mean the same; the first is 1.
SMALL: dict[Lang, str] = {
    "en": "a|one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
    "de": "eine|einer|ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn "
    "sechzehn siebzehn achtzehn neunzehn",
    "zh": "一 二|两 三 四 五 六 七 八 九",
}
VALUES: dict[Lang, dict[str, float]] = {
    lang: {name: float(n) for n, names in enumerate(words.split(), 1) for name in names.split("|")}
    for lang, words in SMALL.items()
}
TENS: dict[Lang, tuple[str, ...]] = {
    "en": ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),
    "de": ("zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"),
}
for _lang, _names in TENS.items():
    VALUES[_lang] |= {name: 10.0 * n for n, name in enumerate(_names, 2)}
VALUES["en"] |= {"half a": 0.5, "a hundred": 100.0, "hundred": 100.0}
VALUES["de"] |= {"halbe": 0.5, "anderthalb": 1.5, "hundert": 100.0, "einhundert": 100.0}
VALUES["de"] |= {
    f"{'ein' if unit == 'eine' else unit}und{ten}": 10.0 * n + m
    for n, ten in enumerate(TENS["de"], 2)
    for m, unit in enumerate(("eine", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"), 1)
}
VALUES["en"] |= {
    f"{ten}-{unit}": 10.0 * n + m
    for n, ten in enumerate(TENS["en"], 2)
    for m, unit in enumerate(SMALL["en"].replace("a|", "").split()[:9], 1)
}
VALUES["en"] |= {f"{name} and a half": n + 0.5 for n, name in enumerate(SMALL["en"].replace("a|", "").split()[:10], 1)}
VALUES["de"] |= {f"{name}einhalb": n + 0.5 for n, name in enumerate(SMALL["de"].split()[1:10], 2)}
ZH_NUMERALS = "[零〇一二两三四五六七八九十百千]+"
ZH_PLACES = {"十": 10.0, "百": 100.0, "千": 1000.0}
SCALES: dict[Lang, dict[str, float]] = {
    "en": {
        **dict.fromkeys(("thousand", "k"), 1e3),
        **dict.fromkeys(("million", "millions", "mn", "mln", "m"), 1e6),
        **dict.fromkeys(("billion", "billions", "bn", "b"), 1e9),
        **dict.fromkeys(("trillion", "trillions", "tn"), 1e12),
    },
    "de": {
        **dict.fromkeys(("tausend", "tsd."), 1e3),
        **dict.fromkeys(("million", "millionen", "mio.", "mio"), 1e6),
        **dict.fromkeys(("milliarde", "milliarden", "mrd.", "mrd"), 1e9),
        **dict.fromkeys(("billion", "billionen", "bio."), 1e12),  # a German Billion is an English trillion
    },
    "zh": {"万亿": 1e12, "千亿": 1e11, "百亿": 1e10, "亿": 1e8, "千万": 1e7, "百万": 1e6, "万": 1e4, "千": 1e3},
}
UNITS = {
    "USD": ("us$", "$", "usd", "us dollars", "us dollar", "dollars", "dollar", "us-dollar", "美元", "美金"),
    "EUR": ("€", "eur", "euros", "euro", "欧元"),
    "GBP": ("£", "gbp", "pounds", "pfund", "british pounds", "pounds sterling", "britische pfund", "英镑"),
    "CNY": ("cny", "rmb", "yuan", "元人民币", "人民币", "元", "renminbi", "chinese yuan", "chinesische yuan"),
    "HKD": ("hk$", "hkd", "hong kong dollars", "hongkong-dollar", "港元", "港币"),
    "JPY": ("¥", "jpy", "yen", "日元"),
    "CHF": ("chf", "swiss francs", "swiss franc", "francs", "franken", "schweizer franken", "瑞士法郎", "瑞郎"),
    "INR": ("rupees", "rupien", "indian rupees", "卢比", "印度卢比"),
    "KRW": ("won", "韩元"),
    "RUB": ("roubles", "rubles", "rubel", "卢布"),
    "krone": (
        "crowns",
        "kronor",
        "kroner",
        "kronen",
        "swedish kronor",
        "swedish crowns",
        "norwegian kroner",
        "danish kroner",
        "schwedische kronen",
        "norwegische kronen",
        "dänische kronen",
        "schwedischen kronen",
        "norwegischen kronen",
        "dänischen kronen",
        "瑞典克朗",
        "挪威克朗",
        "丹麦克朗",
        "克朗",
    ),
    "pp": (
        "percentage points",
        "percentage point",
        "prozentpunkte",
        "prozentpunkten",
        "prozentpunkt",
        "个百分点",
        "百分点",
    ),
    "bp": ("basis points", "basis point", "basispunkte", "basispunkten", "个基点", "基点"),
    "%": ("%", "％", "percent", "per cent", "prozent"),
    "°C": ("°c", "degrees celsius", "degrees", "degree", "grad celsius", "grad", "摄氏度", "度", "°"),
    "km": ("km", "kilometres", "kilometers", "kilometre", "kilometer", "kilometern", "公里", "千米"),
    "mi": ("miles", "mile", "meilen", "meile", "英里"),
    "m": ("metres", "meters", "metre", "metern", "meter", "米"),
    "km²": ("km²", "square kilometres", "square kilometers", "quadratkilometer", "quadratkilometern", "平方公里"),
    "m²": ("m²", "square metres", "square meters", "quadratmeter", "quadratmetern", "平方米"),
    "m³": ("m³", "cubic metres", "cubic meters", "kubikmeter", "kubikmetern", "立方米"),
    "ha": ("ha", "hectares", "hectare", "hektar", "公顷"),
    "kg": ("kg", "kilograms", "kilogrammes", "kilogramm", "kilos", "公斤", "千克"),
    "g": ("grams", "grammes", "gramm", "克"),
    "t": ("tonnes", "tons", "tonnen", "吨"),
    "l": ("litres", "liters", "liter", "litern", "升"),
    "W": ("watt", "watts", "瓦"),
    "MW": ("mw", "megawatts", "megawatt", "兆瓦"),
    "GW": ("gw", "gigawatts", "gigawatt", "吉瓦"),
}
# Lengths of time; all are told in seconds, so that twelve months are a year.
SPANS = {
    1.0: ("seconds", "second", "sekunden", "sekunde", "秒"),
    60.0: ("minutes", "minute", "minuten", "分钟"),
    3600.0: ("hours", "hour", "stunden", "stunde", "个小时", "小时"),
    86400.0: ("days", "day", "tage", "tagen", "tag", "天"),
    604800.0: ("weeks", "week", "wochen", "woche", "个星期", "周"),
    2629800.0: ("months", "month", "monate", "monaten", "monat", "个月"),
    31557600.0: ("years", "year", "jahre", "jahren", "jahr", "年"),
}
UNIT_OF = {name: unit for unit, names in UNITS.items() for name in names}
SPAN_OF = {name: seconds for seconds, names in SPANS.items() for name in names}
# What a Chinese number word must stand before to be one: "两名", not "一起".
ZH_MEASURE = "[名人位个家项种件次座辆艘架台套届席票分秒年月天日周岁层条份张本部支只场亿万成]|小时"
