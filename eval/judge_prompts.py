"""What the judge is asked, in the three languages.

The placeholders are those of LlamaIndex's evaluators: ``query_str`` is the answer (faithful) or the question and the
answer (relevant), ``context_str`` the passages. When they don't fit into one question, the rest is asked with the
``again`` prompts, which hold the verdict so far.

Three different things are asked. Faithful: the passages say it, whether or not the world agrees. Relevant: it is about
what was asked, whether or not it is true. Correct: it says what the gold answer says.
"""

from __future__ import annotations

from dataclasses import dataclass

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate

from rag.types import Lang


@dataclass(frozen=True, slots=True)
class JudgePrompts:
    """The prompts of one language."""

    faithful: PromptTemplate
    faithful_again: PromptTemplate
    relevant: PromptTemplate
    relevant_again: PromptTemplate
    correct: ChatPromptTemplate


_FAITHFUL: dict[Lang, str] = {
    "zh": """\
请判断下面的陈述是否能由所给段落得到证实。
只看段落里写了什么，不要用你自己的知识。陈述中的每一个数字、名称、日期和结论都必须在段落里有依据；
换一种说法没有关系，但只要有一处没有依据，或者与段落相反，就回答“否”。
第一行只写一个字：是 或 否。

段落：
{context_str}

陈述：
{query_str}

是否得到证实（是/否）：""",
    "en": """\
Decide whether the passages prove the statement below.
Go by what the passages say, not by what you know yourself. Every number, name, date and conclusion of the statement
needs its ground in the passages; other words for the same thing are fine. If a single part has no ground there, or the
passages say the opposite, the verdict is NO.
Write one word on the first line: YES or NO.

Passages:
{context_str}

Statement:
{query_str}

Proven (YES or NO):""",
    "de": """\
Beurteile, ob die Textstellen die folgende Aussage belegen.
Es zählt nur, was in den Textstellen steht, nicht, was du selbst weißt. Jede Zahl, jeder Name, jedes Datum und jede
Schlussfolgerung der Aussage muss dort eine Grundlage haben; andere Worte für dieselbe Sache sind in Ordnung. Fehlt auch
nur für einen Teil die Grundlage, oder steht dort das Gegenteil, lautet das Urteil NEIN.
Schreibe in die erste Zeile nur ein Wort: JA oder NEIN.

Textstellen:
{context_str}

Aussage:
{query_str}

Belegt (JA oder NEIN):""",
}

_RELEVANT: dict[Lang, str] = {
    "zh": """\
下面有一个问题、一个回答，以及与之有关的段落。请判断这个回答是不是针对所提的问题。
如果它谈的正是问题所问的事，就回答“是”，哪怕内容有错；如果它答非所问，哪怕内容属实，也回答“否”。
段落只用来帮助你理解问题和回答说的是什么。
第一行只写一个字：是 或 否。

段落：
{context_str}

问题和回答：
{query_str}

是否针对问题（是/否）：""",
    "en": """\
Below are a question, an answer, and passages about the subject. Decide whether the answer responds to that question.
If it is about the very thing that is asked for, the verdict is YES, even where it is wrong. If it is about something
else, the verdict is NO, even where it is true.
The passages only help you to understand what question and answer are about.
Write one word on the first line: YES or NO.

Passages:
{context_str}

Question and answer:
{query_str}

Responds to the question (YES or NO):""",
    "de": """\
Unten stehen eine Frage, eine Antwort und Textstellen zum Thema. Beurteile, ob die Antwort auf diese Frage eingeht.
Handelt sie von genau dem, wonach gefragt wird, lautet das Urteil JA, auch wenn sie falsch ist. Handelt sie von etwas
anderem, lautet das Urteil NEIN, auch wenn sie wahr ist.
Die Textstellen helfen nur zu verstehen, wovon Frage und Antwort handeln.
Schreibe in die erste Zeile nur ein Wort: JA oder NEIN.

Textstellen:
{context_str}

Frage und Antwort:
{query_str}

Geht auf die Frage ein (JA oder NEIN):""",
}

_AGAIN: dict[Lang, str] = {
    "zh": """\
{task}

{query_str}

看过前面的段落后，判断是：{existing_answer}
现在又有一些段落：
{context_msg}

如果前面的判断已经是“是”，就仍回答“是”；否则请把新的段落也考虑进去，重新判断。
第一行只写一个字：是 或 否。""",
    "en": """\
{task}

{query_str}

After the passages so far the verdict was: {existing_answer}
Here are more passages:
{context_msg}

If that verdict was YES, it stays YES. Otherwise decide again with these passages too.
Write one word on the first line: YES or NO.""",
    "de": """\
{task}

{query_str}

Nach den bisherigen Textstellen lautete das Urteil: {existing_answer}
Hier sind weitere Textstellen:
{context_msg}

War das Urteil schon JA, bleibt es JA. Andernfalls urteile noch einmal und beziehe diese Textstellen ein.
Schreibe in die erste Zeile nur ein Wort: JA oder NEIN.""",
}

_FAITHFUL_TASK: dict[Lang, str] = {
    "zh": "请判断下面的陈述是否能由段落得到证实；只看段落，不要用你自己的知识。",
    "en": "Decide whether passages prove the statement below; go by the passages, not by what you know yourself.",
    "de": "Beurteile, ob Textstellen die folgende Aussage belegen; es zählen die Textstellen, nicht dein Wissen.",
}

_RELEVANT_TASK: dict[Lang, str] = {
    "zh": "请判断下面的回答是不是针对所提的问题，不论内容对错。",
    "en": "Decide whether the answer below responds to its question, be it right or wrong.",
    "de": "Beurteile, ob die folgende Antwort auf ihre Frage eingeht, ob richtig oder falsch.",
}

_CORRECT_TASK: dict[Lang, str] = {
    "zh": """\
你为一个问答系统的回答打分。给你一个问题、标准答案和系统的回答；标准答案有几行时，符合其中任何一行都算对。
分数从 1 到 5：
5 = 说出了标准答案的全部内容，没有错误
4 = 说出了问题所问的内容，只缺次要细节，没有错误
3 = 只对了一部分
2 = 谈的是所问的事，但关键之处是错的
1 = 答非所问，或与标准答案相反
措辞不同、多说了别的真实内容都不扣分。
第一行只写一个数字，第二行用一句话说明理由。""",
    "en": """\
You grade the answers of a question answering system. You get a question, the gold answer and the system's answer;
where the gold answer has several lines, agreeing with any one of them is right.
The grades run from 1 to 5:
5 = says all of the gold answer, and nothing wrong
4 = says what was asked for and lacks only a detail, and nothing wrong
3 = right in part
2 = about what was asked, but wrong in the point that matters
1 = about something else, or the opposite of the gold answer
Other words, and more that is true, cost nothing.
Write only the number on the first line, and your reason in one sentence on the second.""",
    "de": """\
Du benotest die Antworten eines Fragesystems. Du bekommst eine Frage, die Musterantwort und die Antwort des Systems;
hat die Musterantwort mehrere Zeilen, genügt es, mit einer davon übereinzustimmen.
Die Punkte gehen von 1 bis 5:
5 = sagt alles aus der Musterantwort und nichts Falsches
4 = sagt das Gefragte, es fehlt nur eine Einzelheit, und nichts ist falsch
3 = zum Teil richtig
2 = handelt vom Gefragten, ist aber im entscheidenden Punkt falsch
1 = handelt von etwas anderem oder sagt das Gegenteil der Musterantwort
Andere Worte und weiteres Wahres kosten nichts.
Schreibe in die erste Zeile nur die Zahl und in die zweite in einem Satz die Begründung.""",
}

_CORRECT_DATA: dict[Lang, str] = {
    "zh": "问题：\n{query}\n\n标准答案：\n{reference_answer}\n\n系统的回答：\n{generated_answer}",
    "en": "Question:\n{query}\n\nGold answer:\n{reference_answer}\n\nAnswer of the system:\n{generated_answer}",
    "de": "Frage:\n{query}\n\nMusterantwort:\n{reference_answer}\n\nAntwort des Systems:\n{generated_answer}",
}


def prompts_in(lang: Lang) -> JudgePrompts:
    """The prompts of a language.

    >>> prompts_in("de").faithful.template_vars
    ['context_str', 'query_str']
    """
    again = _AGAIN[lang]
    return JudgePrompts(
        faithful=PromptTemplate(_FAITHFUL[lang]),
        faithful_again=PromptTemplate(again.replace("{task}", _FAITHFUL_TASK[lang])),
        relevant=PromptTemplate(_RELEVANT[lang]),
        relevant_again=PromptTemplate(again.replace("{task}", _RELEVANT_TASK[lang])),
        correct=ChatPromptTemplate(
            message_templates=[
                ChatMessage(role=MessageRole.SYSTEM, content=_CORRECT_TASK[lang]),
                ChatMessage(role=MessageRole.USER, content=_CORRECT_DATA[lang]),
            ]
        ),
    )
