"""Names that are other words in another language: countries with their people, cities, organisations.

From general knowledge, the best known of each; a name that is written or sounds alike needs no entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# A line each: names separated by bars, in any language. A trailing * stands for any ending.
_COUNTRIES = """
China|Chinese|chinesisch*|Chinas|Chinese*|中国|中方|中华
United States|US|USA|U.S.|America|American*|Vereinigte* Staaten|Amerika*|US-amerikanisch*|amerikanisch*|美国|美方
United Kingdom|UK|Britain|British|Großbritannien*|britisch*|Brit*|英国
England|English|englisch*|Engländer*|英格兰
Germany|German|Germans|Deutschland*|deutsche*|德国|德方
France|French|Frankreich*|französisch*|Franzos*|法国
Italy|Italian*|Italien*|italienisch*|意大利
Spain|Spanish|Spanien*|spanisch*|西班牙
Portugal|Portuguese|portugiesisch*|葡萄牙
Netherlands|Dutch|Niederlande*|niederländisch*|Niederländer*|Holland|荷兰
Belgium|Belgian*|Belgien*|belgisch*|比利时
Switzerland|Swiss|Schweiz*|瑞士
Austria|Austrian*|Österreich*|奥地利
Denmark|Danish|Dane*|Dänemark*|dänisch*|丹麦
Sweden|Swedish|Schweden*|schwedisch*|瑞典
Norway|Norwegian*|Norwegen*|norwegisch*|Norweger*|挪威
Finland|Finnish|Finnland*|finnisch*|芬兰
Iceland|Icelandic|Island*|isländisch*|冰岛
Ireland|Irish|Irland*|irisch*|爱尔兰
Poland|Polish|Pole|Polen*|polnisch*|Polin|波兰
Czech Republic|Czechia|Czech|Tschechien*|tschechisch*|捷克
Slovakia*|Slovak|Slowakei|slowakisch*|斯洛伐克
Hungary|Hungarian*|Ungarn*|ungarisch*|匈牙利
Romania|Romanian*|Rumänien*|rumänisch*|罗马尼亚
Bulgaria|Bulgarian*|Bulgarien*|bulgarisch*|保加利亚
Greece|Greek|Griechenland*|griechisch*|希腊
Turkey|Turkish|Türkei|türkisch*|土耳其
Croatia|Croatian*|Kroatien*|kroatisch*|克罗地亚
Serbia|Serbian*|Serbien*|serbisch*|塞尔维亚
Russia|Russian*|Russland*|russisch*|俄罗斯|俄方
Soviet Union|Soviet|Sowjetunion|sowjetisch*|苏联
Ukraine|Ukrainian*|ukrainisch*|乌克兰
Japan|Japanese|japanisch*|Japaner*|日本
South Korea|South Korean*|Südkorea*|südkoreanisch*|韩国
North Korea|North Korean*|Nordkorea*|nordkoreanisch*|朝鲜
India|Indian*|Indien*|indisch*|印度(?!尼西亚)
Pakistan|Pakistani*|pakistanisch*|巴基斯坦
Indonesia|Indonesian*|Indonesien*|indonesisch*|印度尼西亚|印尼
Vietnam|Vietnamese|vietnamesisch*|越南
Thailand|Thai|thailändisch*|泰国
Malaysia|Malaysian*|马来西亚
Singapore|Singapur*|新加坡
Philippines|Philippine|Filipino|Philippinen|philippinisch*|菲律宾
Australia|Australian*|Australien*|australisch*|澳大利亚|澳洲
New Zealand|Neuseeland*|新西兰
Canada|Canadian*|Kanada*|kanadisch*|加拿大
Mexico|Mexican*|Mexiko*|mexikanisch*|墨西哥
Brazil|Brazilian*|Brasilien*|brasilianisch*|巴西
Argentina|Argentine|Argentinian*|Argentinien*|argentinisch*|阿根廷
Chile|Chilean*|chilenisch*|智利
Colombia|Colombian*|Kolumbien*|哥伦比亚
Venezuela|Venezuelan*|委内瑞拉
Egypt|Egyptian*|Ägypten*|ägyptisch*|埃及
South Africa|South African*|Südafrika*|südafrikanisch*|南非
Nigeria|Nigerian*|尼日利亚
Kenya|Kenyan*|Kenia*|kenianisch*|肯尼亚
Ethiopia|Ethiopian*|Äthiopien*|äthiopisch*|埃塞俄比亚
Uganda|Ugandan*|乌干达
Congo|Congolese|Kongo|kongolesisch*|刚果
Israel|Israeli*|israelisch*|以色列
Iran|Iranian*|iranisch*|伊朗
Iraq|Iraqi*|Irak*|伊拉克
Saudi Arabia|Saudi|Saudi-Arabien*|saudisch*|沙特
Qatar|Katar*|卡塔尔
United Arab Emirates|UAE|Vereinigte* Arabische* Emirate|阿联酋
Afghanistan|Afghan*|afghanisch*|阿富汗
Taiwan|Taiwanese|taiwanisch*|台湾
Hong Kong|Hongkong*|香港
Morocco|Moroccan*|Marokko*|marokkanisch*|摩洛哥
Cuba|Cuban*|Kuba*|古巴
Peru|Peruvian*|秘鲁
Bangladesh|孟加拉国
"""
_OTHERS = """
Europe|European*|Europa*|europäisch*|欧洲
Africa|African*|Afrika*|afrikanisch*|非洲
Asia|Asian*|Asien*|asiatisch*|亚洲
Beijing|Peking*|北京
Shanghai|Schanghai|上海
Guangzhou|广州
Shenzhen|深圳
London|Londoner*|伦敦
Paris|Pariser*|巴黎
Berlin|Berliner*|柏林
Munich|München*|Münchner*|慕尼黑
Cologne|Köln*|科隆
Frankfurt|法兰克福
Hamburg|Hamburger*|汉堡
Vienna|Wien*|维也纳
Zurich|Zürich*|苏黎世
Geneva|Genf*|日内瓦
Brussels|Brüssel*|布鲁塞尔
Rome|Rom|罗马(?!尼亚)
Milan|Mailand*|米兰
Madrid|马德里
Barcelona|巴塞罗那
Lisbon|Lissabon*|里斯本
Copenhagen|Kopenhagen*|哥本哈根
Stockholm|斯德哥尔摩
Warsaw|Warschau*|华沙
Prague|Prag*|布拉格
Athens|Athen*|雅典
Moscow|Moskau*|莫斯科
Kyiv|Kiev|Kiew|基辅
Istanbul|伊斯坦布尔
Tokyo|Tokio*|东京
Seoul|首尔
Delhi|New Delhi|Neu-Delhi|德里|新德里
New York|New Yorker*|纽约
Washington|华盛顿
Chicago|芝加哥
San Francisco|旧金山
Los Angeles|洛杉矶
Sydney|悉尼
Cairo|Kairo*|开罗
Davos|达沃斯
White House|Weiße* Haus*|白宫
European Union|EU|Europäische* Union|欧盟
European Commission|EU-Kommission|欧盟委员会
European Central Bank|ECB|Europäische* Zentralbank|EZB|欧洲央行|欧洲中央银行
Federal Reserve|Fed|US-Notenbank|美联储
Bank of England|britische* Notenbank|英国央行|英格兰银行
Bank of Japan|japanische* Notenbank|日本央行|日本银行
People's Bank of China|chinesische* Zentralbank|中国人民银行|中国央行|央行
United Nations|UN|U.N.|Vereinte* Nationen|联合国
World Health Organization|World Health Organisation|WHO|Weltgesundheitsorganisation|世界卫生组织|世卫组织|世卫
World Bank|Weltbank|世界银行
International Monetary Fund|IMF|Internationale* Währungsfonds|IWF|国际货币基金组织
World Trade Organization|WTO|Welthandelsorganisation|世界贸易组织|世贸组织
NATO|Nato|北约
NASA|Nasa|美国国家航空航天局|美国宇航局
European Space Agency|ESA|Esa|欧空局|欧洲航天局
Microsoft|微软
Apple|苹果公司|苹果
Google|谷歌
Alphabet|字母表公司
Amazon|亚马逊
Meta|元宇宙平台公司
Facebook|脸书
Nvidia|英伟达|辉达
Intel|英特尔
AMD|超威
IBM|国际商业机器
Qualcomm|高通
Tesla|特斯拉
Samsung|三星
Sony|索尼
Toyota|丰田
Honda|本田
Nissan|日产
Huawei|华为
Tencent|腾讯
Alibaba|阿里巴巴
Baidu|百度
ByteDance|字节跳动
Xiaomi|小米
BYD|比亚迪
NIO|Nio|蔚来
TSMC|台积电
Foxconn|富士康
ASML|阿斯麦
Disney|迪士尼
Netflix|奈飞|网飞
Walmart|沃尔玛
Starbucks|星巴克
McDonald's|McDonald’s|麦当劳
Coca-Cola|可口可乐
Nestlé|Nestle|雀巢
Boeing|波音
Airbus|空中客车|空客
Lufthansa|汉莎航空|汉莎
Cathay Pacific|国泰航空|国泰
Volkswagen|VW|大众汽车|大众集团|大众
Mercedes|Mercedes-Benz|奔驰
BMW|宝马
Audi|奥迪
Porsche|保时捷
Siemens|西门子
Bosch|博世
Bayer|拜耳
BASF|巴斯夫
SAP|思爱普
Deutsche Bank|德意志银行
Deutsche Bahn|德国铁路公司|德铁
Allianz|安联
RWE|莱茵集团
Goldman Sachs|高盛
Morgan Stanley|摩根士丹利
JPMorgan|JP Morgan|摩根大通
Citigroup|Citi|花旗
HSBC|汇丰
UBS|瑞银
BlackRock|贝莱德
SoftBank|软银
Pfizer|辉瑞
BioNTech|Biontech|拜恩泰科
Moderna|莫德纳
AstraZeneca|阿斯利康
Novartis|诺华
Roche|罗氏
Novo Nordisk|诺和诺德
Eli Lilly|礼来
Johnson & Johnson|强生
Gilead|吉利德
Shell|壳牌
BP|英国石油
ExxonMobil|埃克森美孚
Saudi Aramco|Aramco|沙特阿美
Greenpeace|绿色和平
Amnesty International|国际特赦组织
Doctors Without Borders|Médecins Sans Frontières|Ärzte ohne Grenzen|无国界医生
Red Cross|Rote* Kreuz*|红十字
Reuters|路透社|路透
Financial Times|FT|金融时报
New York Times|纽约时报
Nobel|诺贝尔
Olympic*|Olympi*|奥运
Bayern Munich|FC Bayern|Bayern München|拜仁慕尼黑|拜仁
Borussia Dortmund|多特蒙德
Bayer Leverkusen|Leverkusen|勒沃库森
Real Madrid|皇家马德里|皇马
FC Barcelona|Barcelona|Barça|巴塞罗那|巴萨
Manchester United|曼联
Manchester City|曼城
Liverpool|利物浦
Louvre|卢浮宫
British Museum|Britische* Museum*|大英博物馆
Labour|Labour Party|Labour-Partei|工党
Conservative Party|Conservatives|Tories|Konservative*|保守党
Democrats|Democratic Party|Demokraten|民主党
Republicans|Republican|Republikaner*|共和党
Donald Trump|Trump|特朗普
Joe Biden|Biden|拜登
Elon Musk|Musk|马斯克
Xi Jinping|习近平
Vladimir Putin|Wladimir Putin|Putin|普京
Olaf Scholz|Scholz|朔尔茨
Friedrich Merz|Merz|默茨
Angela Merkel|Merkel|默克尔
Emmanuel Macron|Macron|马克龙
Keir Starmer|Starmer|斯塔默
Sam Altman|Altman|奥特曼|阿尔特曼
Oliver Blume|Blume|奥博穆
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A known name at ``text[start:end]``; one that is said in another way has the same number."""

    start: int
    end: int
    number: int
    is_country: bool


def _pattern(name: str) -> str:
    if "\u4e00" <= name[0] <= "\u9fff":
        return name
    ending = r"\w*" if name.endswith("*") else r"s?"
    inside = re.escape(name.rstrip("*")).replace(r"\*", r"\w*").replace(r"\ ", r"\s")
    return rf"(?<!\w){inside}{ending}(?!\w)"


_GROUPS = [line.split("|") for line in (_COUNTRIES + _OTHERS).strip().splitlines() if line]
_COUNTRY_COUNT = len([line for line in _COUNTRIES.strip().splitlines() if line])
_FORMS = sorted(((form, n) for n, group in enumerate(_GROUPS) for form in group), key=lambda one: -len(one[0]))
# By their first letters, because one pattern of all of them would try them all at every letter of a text.
_STARTING: dict[str, list[tuple[re.Pattern[str], int]]] = {}
for _form, _number in _FORMS:
    _STARTING.setdefault(_form[0], []).append((re.compile(_pattern(_form)), _number))


def known_names(text: str) -> list[Known]:
    """The known names of a text, in order.

    >>> one, other = known_names("Nvidia aus den USA"), known_names("美国的英伟达")
    >>> sorted(name.number for name in one) == sorted(name.number for name in other)
    True
    """
    found: list[Known] = []
    for at, letter in enumerate(text):
        if letter not in _STARTING or (found and at < found[-1].end):
            continue
        for pattern, number in _STARTING[letter]:
            if match := pattern.match(text, at):
                found.append(Known(*match.span(), number, number < _COUNTRY_COUNT))
                break
    return found


# The characters that names from other languages are written with in Chinese.
_SOUNDS = (
    "阿埃艾爱安昂奥澳巴白班邦贝本比彼别宾波伯勃博布采查茨楚达戴丹当道德登邓迪蒂丁东杜敦多厄恩尔法凡范菲费芬弗夫福富盖甘冈高戈格葛古圭哈海汉豪赫黑亨"
    "洪胡华怀惠霍基吉季加嘉贾杰金京久喀卡凯坎康考科柯克肯孔库夸奎昆拉莱赖兰朗劳勒雷黎里理利莉丽列林琳龙卢鲁路伦罗洛马玛麦曼芒毛梅蒙米密缅明摩莫墨默姆"
    "毕隆堡门穆纳娜奈南内嫩尼年涅宁纽努诺欧帕潘佩彭皮珀平泼蒲普齐奇恰切钦琼丘让热日瑞若萨塞赛桑瑟森沙莎山尚绍舍申圣施什史士舒斯思丝松苏素索塔泰坦汤唐陶特滕提"
    "廷通图托瓦万旺威韦维魏温文翁沃乌武西希锡夏香肖谢辛欣兴匈休许逊雅亚延扬尧耶叶伊因英尤于约赞泽扎詹朱卓佐·"
)
_TRANSLIT = re.compile(rf"[{_SOUNDS}]{{2,}}")


def in_sounds(text: str) -> bool:
    """Whether a Chinese word is written as names from other languages are.

    >>> in_sounds("瓦德富尔"), in_sounds("经济增长")
    (True, False)
    """
    return _TRANSLIT.fullmatch(text) is not None
