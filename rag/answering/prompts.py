"""Every text that the product itself says in an answer, in the three languages."""

from rag.types import Lang, Refusal, RefusalReason

_REFUSALS: dict[RefusalReason, dict[Lang, str]] = {
    "question_empty": {
        "zh": "请输入一个问题。",
        "en": "Please ask a question.",
        "de": "Bitte stellen Sie eine Frage.",
    },
    "empty_index": {
        "zh": "还没有收录任何文章，请先添加文章再提问。",
        "en": "No articles are indexed yet. Add some, then ask again.",
        "de": "Es sind noch keine Artikel erfasst. Fügen Sie welche hinzu und fragen Sie dann noch einmal.",
    },
    "no_evidence": {
        "zh": "这些文章没有回答这个问题。",
        "en": "The articles do not answer this question.",
        "de": "Die Artikel beantworten diese Frage nicht.",
    },
    "unsupported": {
        "zh": "找到了相关文章，但没有一句话能得到原文证实，因此不作回答。",
        "en": "Related articles were found, but no sentence could be proven from them, so nothing is said.",
        "de": "Es gibt verwandte Artikel, doch kein Satz ließ sich aus ihnen belegen; deshalb wird nichts behauptet.",
    },
}


def refusal(reason: RefusalReason, lang: Lang) -> Refusal:
    """The refusal for a reason, in the question's language."""
    return Refusal(reason, _REFUSALS[reason][lang])
