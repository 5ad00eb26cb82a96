"""Words and patterns by which a follow-up is told from a question that stands alone, in the three languages."""

from __future__ import annotations

import re

from rag.language.text import HAN, STOP_WORDS
from rag.types import Lang


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words that ask for something about a subject, or tell what it did, and so name none.
GENERIC: dict[Lang, frozenset[str]] = {
    "en": _set("""
        hurt kill destroy rebuild rebuilt accident warning evidence age amount answer area attend author average
        background begin benefit big body build built buy call case
        cause change charge chairman city come consequence contain continue cost country create cure date day deal
        death decide decision deep describe detail develop difference different director discover duration earn
        effect employ employee end example exact exactly expect explain fact fail far fast figure finish found
        founder founding fund future get give go goal grow happen headquarter height help high hold hour idea impact
        important include increase invent invest investor job join kind know language large last launch lead leader
        led length less long look lose main make made manager mean measure meet member method million billion minute
        money month more most name nationality need new next number old open opinion organisation organization
        outcome own owner part participant participate particular pay people percent person place plan play
        population possible price problem produce profit publish purpose question quick quickly raise reach reaction
        reason receive record report require requirement respond response result revenue risk role rule run salary
        say said see sell share show side sign size small sold sort source speak speed spend stage start state stop
        suffer support surface take team tell temperature term thing think time title today total try turn type use
        valuation value version vote wait want warn way week weigh weight win won winner wide work worth write year
        yet effects score goals first second third fourth half mention exist react belong succeed agree resign
        exception alternative critic criticism opponent bigger smaller longer shorter better worse higher lower
        older younger faster brand group option responsible able allowed similar true runner-up candidate laureate
        affect fatal comprise expensive heavy tall near good bad long-term well came went wrote took paid lost began
        held broke left rose fell grew spoke chose drew kept met sent ran
    """),
    "de": _set("""
        Alter Amt Angaben Anfang Anteil Antwort Anzahl Arbeit Art Aufgabe Auswirkung Autor Bau Bedeutung Beginn
        Beispiel Betrag Betrieb Bewertung Bord Breite Chef Chefin Datum Dauer Detail Dollar Durchmesser Ende
        Entfernung Ergebnis Eröffnung Erklärung Euro Fall Familie Firma Folge Form Frage Frau Funktion Fläche Geburt
        Gehalt Geld Gericht Geschwindigkeit Gewicht Gewinn Grad Grund Gründer Gründerin Gründung Gruppe Größe Hand
        Hauptsitz Haus Herkunft Hilfe Höhe Idee Inhalt Investor Investoren Jahr Jahre Jahren Kilometer Kosten Kraft
        Kritik Land Leistung Leiter Leute Länge Mal Mann Masse Mehrheit Meinung Menge Mensch Menschen Meter Methode
        Milliarde Milliarden Million Millionen Minute Mitarbeiter Mitglied Mittel Monat Monate Name Namen Ort Orte
        Person Personen Plan Platz Preis Problem Prozent Punkt Rahmen Reaktion Regel Rekord Reihe Rolle Runde Seite
        Sinn Sitz Sprache Staat Stadt Start Standort Stelle Stimme Strafe Stunde Stunden Summe System Tag Tage Tagen
        Teil Teilnehmer Temperatur Tiefe Titel Tod Umsatz Unterschied Ursache Unternehmen Verfügung Vergleich
        Verlauf Verlust Version Volumen Vorteil Wahl Weg Weise Wert Wirkung Woche Wochen Zahl Zeit Zeitpunkt Ziel
        Zweck Zustand Übernahme Nebenwirkungen Nachteil Ausnahme Ausnahmen Streit Alternative Gegner Pläne Erster
        Zweiter Dritter Letzter Erste Zweite Dritte Folgen Vorgänger Nachfolger Sieger Siegerin Gewinner Verlierer
        Opfer Zeuge Vertrag Marke
    """),
    "zh": _set("""
        大部分 大多数 一部分 部分 一共 总共 合计 目前 现在 最后 最终 最初 最早 最大 最高 最多 最少 最低 分别 具体
        主要 全部 所有 大约 大概 至今 同时 已经 曾经 正式 首次 第一 第二 第三 第 时候 时间 日期 年份 地点 地方
        地区 国家 城市 国籍 原因 理由 结果 影响 作用 意义 目的 目标 特点 优点 缺点 区别 不同 内容 条款 规则 规定
        措施 条件 要求 标准 方法 方式 过程 情况 背景 问题 反应 评价 看法 意见 金额 价格 价钱 费用 成本 奖金 罚款
        估值 市值 收入 营收 利润 资金 资本 投资 投资者 投资方 投资人 融资 股东 员工 人员 人数 数量 数目 总数 比例
        百分比 面积 长度 高度 宽度 深度 重量 大小 规模 速度 距离 温度 直径 成绩 得分 排名 名次 冠军 亚军 纪录 记录
        名字 姓名 全名 全称 简称 名称 年龄 性别 职位 职务 身份 职业 作者 创始人 创办人 发明者 发明人 负责人 领导人
        领导 总裁 董事长 首席执行官 老板 主席 成员 代表 总部 位置 所在地 公司 企业 机构 组织 单位 团队 部门 项目
        计划 产品 技术 成立 创立 创办 建立 建成 建造 开始 结束 完成 举行 举办 召开 发生 发布 公布 宣布 出生 去世
        死亡 获得 得到 参加 出席 参与 加入 离开 支持 反对 批准 通过 提出 签署
        生效 适用 实施 执行 开放 开通 发现 开往 前往 到达 恢复 倒塌 受伤
        发明 使用 用途 用于 采用 需要 可以 能够 应该 必须 允许 禁止 包括 组成 属于 位于 来自 担任 负责 工作 任职
        上市 收购 出售 表示 认为 发言 讲话 达到 超过 增加 减少 增长 下降 变化 持续 维持 导致 造成 引起 去年 今年
        当年 每年 每天 后续 进展 例子 副作用 治愈 治疗 输了 赢了 样子 外观 颜色 男子 女子 著名 有名 重要 灵感 游客
        观众 乘客 工人 接待 首都 人口 汇率 违反 提取 监督 进入 满足 代替 得主 获奖 得奖 第二名 第三名 参与者 发言人
        处罚 后果 市场 物质 材料 药物 植物 动物 到底 究竟 还是
    """),
}
# Words that hold a sentence together, beyond those that carry no evidence in a search.
GRAMMAR: dict[Lang, frozenset[str]] = {
    "en": STOP_WORDS
    | _set("""
        about across after again against ago all along already also although always among another any anybody anyone
        anything around away back because before behind below between both bring brings cannot come down during each
        either else ever every few got here him himself however into itself just like likely maybe me my never
        nobody none nothing off often ok okay once one ones only other others otherwise our out over per please
        quite really same several shall since some somebody someone something still such sure themselves though
        through throughout together too toward towards under until up upon us very via well what's when's where's
        who's within without won't yes
    """),
    "de": STOP_WORDS
    | _set("""
        ab alle allem allen aller alles also ander andere anderem anderen anderer anderes ans außerhalb beide beiden
        beim bereits bevor bis bisher da dabei dafür dagegen daher damals damit danach dann daran darauf daraus
        darin darum darüber davon davor dazu denen denn denselben deren dessen dies diese diesem diesen dieser
        dieses doch dort eben eigentlich einige einigen etwa etwas gab ganz geht genau gerade gibt gibt's ging
        gleichen hier hätte hätten ihnen ihrem ihres immer innerhalb ins insgesamt irgend ja jede jedem jeden jeder
        jedes jene jenem jenen jener jenes jetzt kam kann kommt konnte konnten können könnte lang lange laut machen
        macht mal mehr muss musste mussten müssen nachdem neben nichts nie niemand nun ohne pro schon sehr seine
        seinem seinen seiner seines seit selben selbst soll sollen sollte sollten sonst trotz viel viele vielen vor
        wegen weil weiter weitere weiteren weiterer wenig werde wieder wieviel wodurch wofür womit woran worauf
        woraus worin worüber wovon wozu während wäre wären würde würden zusammen zwischen
    """),
    "zh": frozenset(),
}
DATES = _set("""
    april august december dezember dienstag donnerstag februar february freitag friday januar january juli july june
    juni mai march may mittwoch monday montag märz november october oktober samstag saturday september sonntag
    sunday thursday tuesday wednesday
""")
# There is one of each, or everybody knows which is meant.
UNIQUE = _set("""
    bibel bible bundeskanzler bundespräsident bundesrat bundestag bundestages earth equator erde internet mond
    mondes mongolei moon niederlande niederlanden schweiz sky slowakei sonne sun türkei ukraine universe universum
    weather welt weltall wetter world äquator
""")
# Before a thing that must have been spoken of.
DEFINITE: dict[Lang, frozenset[str]] = {
    "en": _set("her his its such that the their these this those"),
    "de": _set("""
        am ans aufs beim das dem den der des die diese diesem diesen dieser dieses fürs ihre ihrem ihren ihrer ihres
        im ins seine seinem seinen seiner seines vom zum zur
    """),
    "zh": frozenset(),
}
# Before what there is or is not.
EXISTING = _set("there es")
# Before what is asked for.
ASKED = _set("many much viel viele vielen welche welchem welchen welcher welches what which whose")
AUXILIARY = _set("are can could did do does had has have is may might must should was were will would")
# Auxiliaries after which a verb follows the subject.
DO = _set("can could did do does may might must should will would")
# Before a thing, and not before a verb.
OPENING = _set("a about against among an at behind between by for from in of on since the to under with")
# What begins like the end of a sentence: "In Germany?"
TAILS: dict[Lang, frozenset[str]] = {
    "en": _set("after against at before by during for from in of on since to under until with without"),
    "de": _set("am an aus bei beim bis für gegen im in mit nach ohne seit unter vom von vor zu zum zur"),
    "zh": frozenset(),
}

# --- What points back, begins and asks ---------------------------------------------------------------------

BACK_EN = re.compile(
    r"\b(?P<owned>his|hers?|its|their|theirs)\b|\b(?P<person>he|him|she|they|them)\b|\b(?P<thing>it)\b"
    r"|\b(?P<here>these|this(?! (?:year|month|week|morning|century)\b)|those(?! who\b)|such a|similar|the same"
    r"|the others?"
    r"|(?:the )?other (?:one|ones|two|three|half|side|end)|(?:the )?(?:latter|former|previous one|next one)|one of them"
    r"|in the process|at the time|back then|each other"
    r"|that(?=\s*[?.!,]|$| (?:be|happen\w*|mean\w*|take|took|work\w*|year|day|time|month|case|one|point|moment|event|"
    r"number|figure|amount|rate|meeting|decision|company|country|person|place|record|law|rule)\b)"
    r"|(?<=was )that|(?<=is )that|(?<=did )that|(?<=does )that|(?<=of )that|(?<=about )that|(?<=like )that"
    r"|else|which ones?|(?<!is )(?<!are )(?<!was )(?<!were )there(?=\s*[?.!,]|$)|then(?=\s*[?.!,]|$))\b",
    re.IGNORECASE,
)
BACK_DE = re.compile(
    r"\b(?P<owned>seine[mnrs]?|ihre[mnrs]?|deren|dessen)\b|\b(?P<person>ihn|ihm|ihnen|denen|er|sie)\b|\b(?P<thing>es)\b"
    r"|\b(?P<here>diese[mnrs]?(?! (?:Jahr|Monat|Woche))|dies|jene[mnrs]?|damit|dafür|davon|darüber|daran|darin|dazu"
    r"|dabei|dagegen|danach|davor|daraus|darauf|dadurch|darum|dort|dorthin|damals|stattdessen|sonst noch"
    r"|d(?:ie|as|er|en|em)selbe[nmr]?|(?:der|die|das|den|dem|am|im|beim|vom|zum|zur) (?:andere[nmrs]?"
    r"|(?:übrigen|beiden|gleichen|ersten?|zweiten?|dritten?|vierten?|letzten?)(?=\s*[?.!,]|$))"
    r"|(?:war|ist|waren|hat|hatte|wird|wurde|kam|heißt|bedeutet|geschah|passierte|kostet|kostete|warum|stehen|liegen"
    r"|sind|gehören|heißen|haben|und) (?:das|die|der|den|dem)(?=\s*[?.!,]|$| (?:denn|genau|gewesen|passiert|geschehen"
    r"|gekostet|möglich|gemacht|gelungen|so)\b))\b",
    re.IGNORECASE,
)
# "it" and "es" that mean nothing.
EXPLETIVE = re.compile(
    r"\b(?:is it true|is it possible|it is (?:said|true|known)|it takes? to|it took to|it cost to|take to"
    r"|(?:gibt|gab|geht|ging|kam|kommt|handelt|handelte|dauert|dauerte) es"
    r"|es (?:gibt|gab|geht|ging|kam|kommt|stimmt|heißt)"
    r"|stimmt es)\b",
    re.IGNORECASE,
)
BACK_ZH = re.compile(
    r"(?P<person>他们|她们|他|她)(?!国)|(?P<thing>它们|它)"
    r"|(?P<here>(?<![应不])该(?!.?不该)|这(?!个?月|一?年|周)|那|此(?!外)|上述|前者|后者|其(?!实)(?<!土耳其)(?<!尤其)"
    r"(?<!与其)(?<!极其)|当时|当年|当天|当日|随后|后来|另外|另一|其他|其余|别的|还有(?=[谁什哪其别呢])"
    r"|同样|同年|双方|两者|三者|两人|三人|之前的|之后的|前一|后一|下一)"
)
LEADING = {
    "en": re.compile(r"(?:and|but|or|so|also|plus|then|what about|how about|and what about|and how about)\b\W*", re.I),
    "de": re.compile(r"(?:und|aber|oder|also|sowie|was ist mit|wie steht es (?:um|mit)|und was ist mit)\b\W*", re.I),
    "zh": re.compile(r"(?:那么|那(?![个些次天年里边种场座位件])|还有|以及|然后|而且|可是|但是|而)[，,]?"),
}
ASKS_ABOUT = re.compile(r"\b(?:what|how) about\b|\bwas ist mit\b|\bwie steht es\b", re.IGNORECASE)
STARTS = {  # what a whole question starts with, as opposed to a fragment
    "en": re.compile(
        r"(?:\w+ )?(?:who|whom|whose|what|which|when|where|why|how)\b.* \w|(?:is|are|was|were|do|does|did|has|have|had|"
        r"will|would|can|could|should|may|might|must)\b",
        re.IGNORECASE,
    ),
    "de": re.compile(
        r"(?:\w+ )?(?:wer|wen|wem|wessen|was|welche\w*|wann|wo\w*|warum|wie\w*|weshalb)\b.* \w|(?:ist|sind|war|waren|"
        r"hat|haben|hatte|hatten|wird|werden|wurde|wurden|kann|können|muss|müssen|soll|sollen|darf|dürfen|gibt|gab)\b",
        re.IGNORECASE,
    ),
}
ASK_ZH = re.compile(
    "什么时候|什么|怎么样|怎么|怎样|如何|为什么|为何|多少|多久|多长|多大|多高|多远|多重|"
    "几(?=[个位名种家座条件项处所届些岁次年天月日号元人张块层场艘辆支])|哪里|哪儿|哪一|哪些|哪|谁|何时|何地|何人|吗|是否|有没有|是不是"
)
GRAMMAR_ZH = re.compile("[的了是在和与及或也都就才被把从吗呢吧啊之有没不]|样的?")
# Characters that say nothing of a subject where a word begins or ends with them; inside a name they may stand.
EDGES_ZH = re.compile(
    "^[个位名种家座条件项处所届些岁次天年月日号元对为于由以用给向往跟同着又再很最更只还能会要想可去来到每男女死修建造花付拿分叫做"
    "说罚买卖赢输人钱]+|[个位名种家座条件项处所届些岁次天年月日号元里内外中上下前后起时过着多少大人钱万亿千百做说买卖分]+$"
)
GENERIC_ZH = re.compile("|".join(sorted(GENERIC["zh"], key=len, reverse=True)))
NAME_ZH = re.compile(rf"《[^》]*》|[{HAN}]+(?:·[{HAN}]+)+|[A-Za-z][\w.-]*(?: [A-Za-z0-9][\w.-]*)*")
CLAUSE_BREAK = re.compile(
    r"[,;:]|\b(?:and|when|after|before|while|because|that|if|once|since|und|als|nachdem|bevor|weil|dass|wenn|ob)\b",
    re.I,
)


# Three characters that begin like a Chinese name, two or more of those that foreign names are written with, or a place.
LIKE_NAME_ZH = re.compile(
    "^[赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜谢邹苏潘葛范彭郎鲁韦马苗方俞任袁柳史唐费薛雷贺倪汤罗郝安傅"
    "齐康伍余顾孟黄穆萧尹姚邵汪毛米贝明戴宋庞熊纪舒屈项祝董梁杜阮蓝闵席季贾路江童颜郭梅林钟徐邱骆高夏蔡田胡凌霍虞万柯管卢"
    "莫丁邓洪包左石崔龚程裴陆荣翁储段侯全班秋宁武符刘景詹龙叶幸司黎薄白蒲鄂赖卓蔺屠池乔曾关游温庄晏柴瞿阎习]..$"
    "|[阿巴贝布达德蒂多尔法菲弗戈格古哈赫基吉卡凯科克拉莱勒雷里利列卢鲁罗洛马迈曼梅蒙莫姆纳内尼努诺欧帕佩皮普奇乔萨塞桑"
    "瑟沙什斯史苏索塔泰特托维韦沃西希夏谢辛雅亚叶伊伊约兹扎].?[阿巴贝布德蒂尔法菲弗戈格哈赫基卡凯科克拉莱勒里利卢鲁罗洛"
    "曼姆纳内尼诺帕皮普萨塞瑟沙什斯索塔泰特托维韦沃雅亚伊兹扎]"
    "|[国洲省市县州岛]$|日本|印度|巴西|瑞士|瑞典|挪威|芬兰|丹麦|荷兰|波兰|希腊|西班牙|葡萄牙|意大利|奥地利|匈牙利|土耳其|俄罗斯|乌克兰|越南|埃及"
    "|以色列|伊朗|伊拉克|加拿大|墨西哥|阿根廷|澳大利亚|新西兰|冰岛|爱尔兰|新加坡|北京|上海|香港|台湾|东京|巴黎|伦敦|柏林|纽约|谷歌|苹果|微软"
    "|华为|腾讯|百度|小米|地球|月球|月亮|火星|太阳|宇宙|天空"
)

# What is said to whoever answers, and asks nothing of what was talked about: thanks, greetings, abuse.
ADDRESSES: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(
        r"\s*(?:you(?:['’]re| are| suck)|are you|who are you|thank|hello\b|hi\b|good (?:bye|morning))", re.I
    ),
    "de": re.compile(
        r"\s*(?:du bist|bist du|wer bist du|sie sind ja|danke|hallo\b|guten (?:tag|morgen)|tschüss)", re.I
    ),
    "zh": re.compile(r"\s*(?:你好|您好|谢谢|再见|你(?:是|真|太|这个))"),
}
