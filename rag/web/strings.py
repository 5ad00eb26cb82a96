"""Every word of the page in its three languages, and how dates and durations are written in each."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from math import floor, log10

from rag.types import Lang

LANG_NAMES: dict[Lang, str] = {"zh": "中文", "en": "English", "de": "Deutsch"}  # each in its own language

TEXTS: dict[Lang, dict[str, str]] = {
    "en": {
        "tagline": "Answers from {articles} articles, every sentence with its source.",
        "refining": "Reading them a second time, for better answers: {refined} of {passages} passages.",
        "unavailable": "The articles cannot be searched right now. Please try again in a moment.",
        "welcome": "Ask in English, auf Deutsch oder 用中文.",
        "examples": "For instance:",
        "conversation": "Conversation",
        "question": "Your question",
        "placeholder": "What would you like to know?",
        "ask": "Ask",
        "stop": "Stop",
        "new": "New conversation",
        "filters": "Filters",
        "filter_lang": "Language of the articles",
        "all_langs": "All",
        "sources": "Sources",
        "no_sources": "The passages that an answer rests on appear here.",
        "searching": "Searching the articles …",
        "sent_nothing": "Nothing is sent to other servers.",
        "sent_chat": "Questions, with their conversation, and the passages found for them go to {to} ({model}).",
        "sent_judge": "Sentences of answers and the passages that they cite go to {to} ({model}).",
        "sent_embedding": "All texts and questions go to {to} ({model}).",
        "sent_index": "All texts are kept at {to}.",
        "model_resting": "The language model is failing, so sentences are quoted.",
        "understood": "Understood as: {question}",
        "tokens": "Tokens: {tokens_in} read, {tokens_out} written.",
        "cost": "Price: {cost}.",
        "also_found": "Also found, and not cited: {count} passages",
        "nearest": "Perhaps worth reading, though they do not answer it:",
        "why_unsupported": "nothing found says so",
        "why_number": "the number is not in the source, or belongs to something else",
        "why_date": "the date is not in the source, or belongs to something else",
        "why_name": "the source names somebody else",
        "why_attribution": "somebody else said or did it",
        "why_direction": "the source says the opposite",
        "why_negation": "the source says the opposite",
        "why_words": "the source does not say this",
        "why_meaning": "the source does not say this",
        "why_wording": "worded too freely to be checked",
        "why_judge": "the second model found no proof",
        "why_no_citation": "no source was given",
        "why_language": "in another language",
        "why_repetition": "already said",
        "why_about_the_passages": "about the sources, not the question",
        "why_beside_the_question": "beside the question",
        "why_empty": "states nothing",
        "reading_one": "Reading what 1 article says …",
        "reading_many": "Reading what {articles} articles say …",
        "without_model": "Answered in {time}, without a model.",
        "with_model": "Answered in {time}, with {model}.",
        "dropped_one": "1 sentence was left out because nothing proves it.",
        "dropped_many": "{count} sentences were left out because nothing proves them.",
        "disagreement": "The sources disagree about {about}:",
        "open_article": "Open the article at {host}",
        "file": "File: {file}",
        "qa": "Questions and answers",
        "back": "Back to the answer",
        "too_long": "Your question has {length} characters; {limit} are possible. Please shorten it.",
        "failed": "Something went wrong on our side. Please ask again.",
        "stopped": "Stopped.",
        "right": "That’s right",
        "wrong": "That’s wrong",
        "correct": "The right answer is …",
        "send": "Send",
        "thanks": "Thank you.",
        "not_kept": "Your rating could not be kept. Please try again in a moment.",
        "tab_chat": "Questions",
        "tab_evaluation": "Evaluation",
        "runs": "Evaluation runs",
        "no_runs": "There are no runs yet. Make one with {command}",
        "run_cases": "{cases} cases, {failed} failed",
        "run_leaked": "Not valid: in {leaked} cases a passage that was found held the question itself.",
        "run_figures": "Mean and, in brackets, its 95 % interval. n is the number of cases.",
        "run_version": "version {version}",
        "articles_tab": "Articles",
        "articles_search": "Search title, tag or outlet",
        "articles_sort": "Order",
        "articles_newest": "Newest",
        "articles_oldest": "Oldest",
        "articles_title": "Title",
        "articles_lang": "Language",
        "articles_tag": "Tag",
        "articles_count_one": "1 article",
        "articles_count": "{count} articles",
        "articles_found": "{found} of {count} articles",
        "articles_more": "Show {more} more",
        "articles_none": "No article is indexed yet. Add some above.",
        "articles_no_match": "No article matches.",
        "articles_passages_one": "1 passage",
        "articles_passages": "{count} passages",
        "articles_choose": "Choose an article to read it. Its passages are what answers quote.",
        "articles_gone": "This article is indexed no longer.",
        "articles_back": "All articles",
        "articles_offered": "Questions that this article answers",
        "articles_text": "The article, passage by passage",
        "articles_qa": "Q&A",
        "articles_add": "Add articles: .md, .txt or a zip of them",
        "articles_adding": "Adding …",
        "articles_reading": "Reading {done} of {of}: {name}",
        "articles_added": "{taken} taken, {failed} not taken",
        "articles_file": "File",
        "articles_outcome": "Result",
        "articles_outcome_added": "added",
        "articles_outcome_updated": "replaced",
        "articles_outcome_unchanged": "unchanged",
        "articles_outcome_failed": "not taken",
        "articles_remove": "Remove this article",
        "articles_remove_sure": "Remove “{title}”? Answers will not use it any more. Its file is kept on the server.",
        "articles_remove_yes": "Remove",
        "articles_remove_no": "Keep it",
        "articles_removed": "“{title}” was removed.",
        "articles_foreign": "This article was indexed from another folder and can only be removed there.",
        "articles_busy": "The articles are being indexed. Please try again in a moment.",
        "articles_failed": "That did not work. Please try again in a moment.",
        "articles_reason_hidden": "It is a hidden file. Rename it without the dot in front.",
        "articles_reason_name": "Nothing of its name can be kept. Please rename it.",
        "articles_reason_suffix": "Only .md, .markdown, .txt and .zip files are taken.",
        "articles_reason_empty": "It is empty.",
        "articles_reason_too_large": "An article may have {limit} MB at most.",
        "articles_reason_not_text": "It is not a text file, or in an unknown encoding. Save it as UTF-8.",
        "articles_reason_no_text": "There is no text in it to index.",
        "articles_reason_broken_archive": "The zip archive is damaged. Make it anew.",
        "articles_reason_empty_archive": "The zip archive holds no files.",
        "articles_reason_encrypted": "It is encrypted. Make the zip archive without a password.",
        "articles_reason_compression": "It is packed in an unusual way. Make the zip archive with the usual method.",
        "articles_reason_nested": "An archive inside an archive is not opened. Upload it by itself.",
        "articles_reason_bomb": "It would unpack to more than a hundred times its size, which text does not.",
        "articles_reason_too_many": "At most {limit} files can be uploaded at once. Upload the rest after that.",
        "articles_reason_too_much": "Unpacked, an upload may have {limit} MB at most. Upload the rest after that.",
        "articles_reason_not_written": "It could not be written to the disk of the server.",
        "articles_reason_not_indexed": "It could not be indexed.",
        "articles_too_much": "{total} MB together, but {limit} MB go at once. Upload fewer files, or a zip of them.",
        "articles_opened": "Open:",
        "articles_outlet": "Outlet",
        "articles_only": "Ask only this article",
        "articles_warning_encoding": "It is not in UTF-8 and was read as {value}. If it looks wrong, save it as UTF-8.",
        "articles_warning_front_matter_lines": "Its front matter is not valid YAML and was read line by line.",
        "articles_warning_front_matter_open": "Its front matter has no end marker (---) and counts as text.",
    },
    "de": {
        "tagline": "Antworten aus {articles} Artikeln, jeder Satz mit Beleg.",
        "refining": "Sie werden für bessere Antworten ein zweites Mal gelesen: {refined} von {passages} Passagen.",
        "unavailable": "Die Artikel lassen sich gerade nicht durchsuchen. Bitte gleich noch einmal versuchen.",
        "welcome": "Fragen Sie auf Deutsch, in English oder 用中文.",
        "examples": "Zum Beispiel:",
        "conversation": "Gespräch",
        "question": "Ihre Frage",
        "placeholder": "Was möchten Sie wissen?",
        "ask": "Fragen",
        "stop": "Anhalten",
        "new": "Neues Gespräch",
        "filters": "Filter",
        "filter_lang": "Sprache der Artikel",
        "all_langs": "Alle",
        "sources": "Quellen",
        "no_sources": "Hier erscheinen die Textstellen, auf die sich eine Antwort stützt.",
        "searching": "Die Artikel werden durchsucht …",
        "sent_nothing": "An andere Server wird nichts geschickt.",
        "sent_chat": "Fragen, ihr Gespräch und die dafür gefundenen Textstellen gehen an {to} ({model}).",
        "sent_judge": "Sätze von Antworten und die zitierten Textstellen gehen an {to} ({model}).",
        "sent_embedding": "Alle Texte und Fragen gehen an {to} ({model}).",
        "sent_index": "Alle Texte liegen bei {to}.",
        "model_resting": "Das Sprachmodell ist gestört; deshalb wird wörtlich zitiert.",
        "understood": "Verstanden als: {question}",
        "tokens": "Tokens: {tokens_in} gelesen, {tokens_out} geschrieben.",
        "cost": "Preis: {cost}.",
        "also_found": "Außerdem gefunden, nicht zitiert: {count} Textstellen",
        "nearest": "Vielleicht lesenswert, auch wenn sie die Frage nicht beantworten:",
        "why_unsupported": "nichts Gefundenes sagt das",
        "why_number": "die Zahl steht nicht in der Quelle oder gehört zu etwas anderem",
        "why_date": "das Datum steht nicht in der Quelle oder gehört zu etwas anderem",
        "why_name": "die Quelle nennt jemand anderen",
        "why_attribution": "das sagte oder tat jemand anderes",
        "why_direction": "die Quelle sagt das Gegenteil",
        "why_negation": "die Quelle sagt das Gegenteil",
        "why_words": "die Quelle sagt das nicht",
        "why_meaning": "die Quelle sagt das nicht",
        "why_wording": "zu frei formuliert, um geprüft zu werden",
        "why_judge": "das zweite Modell fand keinen Beleg",
        "why_no_citation": "ohne Quelle",
        "why_language": "in einer anderen Sprache",
        "why_repetition": "schon gesagt",
        "why_about_the_passages": "über die Quellen, nicht zur Frage",
        "why_beside_the_question": "an der Frage vorbei",
        "why_empty": "sagt nichts aus",
        "reading_one": "1 Artikel wird gelesen …",
        "reading_many": "{articles} Artikel werden gelesen …",
        "without_model": "In {time} beantwortet, ohne Modell.",
        "with_model": "In {time} beantwortet, mit {model}.",
        "dropped_one": "1 Satz wurde weggelassen, weil ihn nichts belegt.",
        "dropped_many": "{count} Sätze wurden weggelassen, weil sie nichts belegt.",
        "disagreement": "Die Quellen widersprechen sich bei {about}:",
        "open_article": "Artikel bei {host} öffnen",
        "file": "Datei: {file}",
        "qa": "Fragen und Antworten",
        "back": "Zurück zur Antwort",
        "too_long": "Ihre Frage hat {length} Zeichen; möglich sind {limit}. Bitte kürzen Sie sie.",
        "failed": "Bei uns ist etwas schiefgegangen. Bitte fragen Sie noch einmal.",
        "stopped": "Angehalten.",
        "right": "Das stimmt",
        "wrong": "Das stimmt nicht",
        "correct": "Die richtige Antwort ist …",
        "send": "Senden",
        "thanks": "Danke.",
        "not_kept": "Ihre Bewertung ließ sich nicht festhalten. Bitte gleich noch einmal versuchen.",
        "tab_chat": "Fragen",
        "tab_evaluation": "Auswertung",
        "runs": "Auswertungen",
        "no_runs": "Es gibt noch keine Auswertung. Der Befehl dafür: {command}",
        "run_cases": "{cases} Fälle, {failed} gescheitert",
        "run_leaked": "Ungültig: In {leaked} Fällen stand die Frage selbst in einer gefundenen Textstelle.",
        "run_figures": "Mittelwert und in Klammern sein 95-%-Intervall. n ist die Zahl der Fälle.",
        "run_version": "Version {version}",
        "articles_tab": "Artikel",
        "articles_search": "Titel, Stichwort oder Medium suchen",
        "articles_sort": "Reihenfolge",
        "articles_newest": "Neueste",
        "articles_oldest": "Älteste",
        "articles_title": "Titel",
        "articles_lang": "Sprache",
        "articles_tag": "Stichwort",
        "articles_count_one": "1 Artikel",
        "articles_count": "{count} Artikel",
        "articles_found": "{found} von {count} Artikeln",
        "articles_more": "{more} weitere zeigen",
        "articles_none": "Noch ist kein Artikel im Index. Oben lassen sich welche hinzufügen.",
        "articles_no_match": "Kein Artikel passt dazu.",
        "articles_passages_one": "1 Textstelle",
        "articles_passages": "{count} Textstellen",
        "articles_choose": "Wählen Sie einen Artikel, um ihn zu lesen. Aus seinen Textstellen zitieren die Antworten.",
        "articles_gone": "Dieser Artikel ist nicht mehr im Index.",
        "articles_back": "Alle Artikel",
        "articles_offered": "Fragen, die dieser Artikel beantwortet",
        "articles_text": "Der Artikel, Textstelle für Textstelle",
        "articles_qa": "Frage und Antwort",
        "articles_add": "Artikel hinzufügen: .md, .txt oder ein Zip davon",
        "articles_adding": "Wird hinzugefügt …",
        "articles_reading": "{done} von {of} gelesen: {name}",
        "articles_added": "{taken} aufgenommen, {failed} nicht aufgenommen",
        "articles_file": "Datei",
        "articles_outcome": "Ergebnis",
        "articles_outcome_added": "hinzugefügt",
        "articles_outcome_updated": "ersetzt",
        "articles_outcome_unchanged": "unverändert",
        "articles_outcome_failed": "nicht aufgenommen",
        "articles_remove": "Diesen Artikel entfernen",
        "articles_remove_sure": "„{title}“ entfernen? Es wird nicht mehr daraus zitiert; die Datei bleibt erhalten.",
        "articles_remove_yes": "Entfernen",
        "articles_remove_no": "Behalten",
        "articles_removed": "„{title}“ wurde entfernt.",
        "articles_foreign": "Dieser Artikel stammt aus einem anderen Ordner und lässt sich nur dort entfernen.",
        "articles_busy": "Die Artikel werden gerade eingelesen. Bitte gleich noch einmal versuchen.",
        "articles_failed": "Das hat nicht geklappt. Bitte gleich noch einmal versuchen.",
        "articles_reason_hidden": "Es ist eine versteckte Datei. Benennen Sie sie ohne den Punkt am Anfang.",
        "articles_reason_name": "Von ihrem Namen bleibt nichts übrig. Bitte benennen Sie sie um.",
        "articles_reason_suffix": "Möglich sind nur Dateien mit .md, .markdown, .txt und .zip.",
        "articles_reason_empty": "Sie ist leer.",
        "articles_reason_too_large": "Ein Artikel darf höchstens {limit} MB haben.",
        "articles_reason_not_text": "Es ist keine Textdatei, oder ihre Kodierung ist fremd. Speichern Sie als UTF-8.",
        "articles_reason_no_text": "Es steht kein Text darin.",
        "articles_reason_broken_archive": "Das Zip-Archiv ist beschädigt. Erstellen Sie es neu.",
        "articles_reason_empty_archive": "Im Zip-Archiv sind keine Dateien.",
        "articles_reason_encrypted": "Sie ist verschlüsselt. Erstellen Sie das Zip-Archiv ohne Passwort.",
        "articles_reason_compression": "Sie ist ungewöhnlich gepackt. Erstellen Sie ein gewöhnliches Zip-Archiv.",
        "articles_reason_nested": "Ein Archiv in einem Archiv wird nicht geöffnet. Laden Sie es einzeln hoch.",
        "articles_reason_bomb": "Entpackt wäre sie mehr als hundertmal so groß, was bei Text nicht vorkommt.",
        "articles_reason_too_many": "Höchstens {limit} Dateien gehen auf einmal. Laden Sie den Rest danach hoch.",
        "articles_reason_too_much": "Entpackt gehen höchstens {limit} MB auf einmal. Laden Sie den Rest danach hoch.",
        "articles_reason_not_written": "Sie ließ sich auf dem Server nicht speichern.",
        "articles_reason_not_indexed": "Sie ließ sich nicht in den Index aufnehmen.",
        "articles_too_much": "Zusammen {total} MB, auf einmal gehen {limit} MB. Laden Sie weniger hoch oder ein Zip.",
        "articles_opened": "Geöffnet:",
        "articles_outlet": "Medium",
        "articles_only": "Nur diesen Artikel befragen",
        "articles_warning_encoding": "Nicht UTF-8, als {value} gelesen. Bei Zeichensalat bitte als UTF-8 speichern.",
        "articles_warning_front_matter_lines": "Der Kopf ist kein gültiges YAML und wurde zeilenweise gelesen.",
        "articles_warning_front_matter_open": "Dem Kopf fehlt die Endmarke (---); er gilt als Text.",
    },
    "zh": {
        "tagline": "从 {articles} 篇文章中作答，句句有出处。",
        "refining": "正在第二遍阅读以改进回答：{passages} 段中已完成 {refined} 段。",
        "unavailable": "目前无法检索文章，请稍后再试。",
        "welcome": "可以用中文、English 或 Deutsch 提问。",
        "examples": "例如：",
        "conversation": "对话",
        "question": "您的问题",
        "placeholder": "您想了解什么？",
        "ask": "提问",
        "stop": "停止",
        "new": "新对话",
        "filters": "筛选",
        "filter_lang": "文章语言",
        "all_langs": "全部",
        "sources": "出处",
        "no_sources": "回答所依据的原文段落会显示在这里。",
        "searching": "正在检索文章……",
        "sent_nothing": "不向其他服务器发送任何内容。",
        "sent_chat": "问题及其对话和检索到的段落会发送至 {to}（{model}）。",
        "sent_judge": "回答中的句子和所引段落会发送至 {to}（{model}）。",
        "sent_embedding": "所有文章和问题会发送至 {to}（{model}）。",
        "sent_index": "所有文章保存在 {to}。",
        "model_resting": "语言模型出现故障，因此直接引用原文。",
        "understood": "理解为：{question}",
        "tokens": "读入 {tokens_in} 个词元，写出 {tokens_out} 个。",
        "cost": "费用：{cost}。",
        "also_found": "另外找到、未引用的段落：{count} 段",
        "nearest": "以下文章没有回答这个问题，但或许值得一读：",
        "why_unsupported": "找到的内容都没有这样说",
        "why_number": "出处中没有这个数字，或者它说的是别的事",
        "why_date": "出处中没有这个日期，或者它说的是别的事",
        "why_name": "出处说的是别人",
        "why_attribution": "这是别人说的或做的",
        "why_direction": "出处的说法相反",
        "why_negation": "出处的说法相反",
        "why_words": "出处没有这样说",
        "why_meaning": "出处没有这样说",
        "why_wording": "措辞与原文相差太大，无法核实",
        "why_judge": "第二个模型没有找到依据",
        "why_no_citation": "没有给出出处",
        "why_language": "用了另一种语言",
        "why_repetition": "已经说过",
        "why_about_the_passages": "说的是出处本身，不是问题",
        "why_beside_the_question": "答非所问",
        "why_empty": "没有说明任何事",
        "reading_one": "正在阅读 1 篇文章……",
        "reading_many": "正在阅读 {articles} 篇文章……",
        "without_model": "用时 {time}，未使用模型。",
        "with_model": "用时 {time}，使用 {model}。",
        "dropped_one": "有 1 句话因没有依据而略去。",
        "dropped_many": "有 {count} 句话因没有依据而略去。",
        "disagreement": "各出处对{about}说法不一：",
        "open_article": "在 {host} 阅读原文",
        "file": "文件：{file}",
        "qa": "问与答",
        "back": "回到回答",
        "too_long": "您的问题有 {length} 个字符，最多 {limit} 个，请缩短后再问。",
        "failed": "我们这边出了点问题，请再问一次。",
        "stopped": "已停止。",
        "right": "答得对",
        "wrong": "答得不对",
        "correct": "正确的回答是……",
        "send": "发送",
        "thanks": "谢谢。",
        "not_kept": "未能保存您的评价，请稍后再试。",
        "tab_chat": "问答",
        "tab_evaluation": "评测",
        "runs": "评测记录",
        "no_runs": "还没有评测记录。运行以下命令即可生成：{command}",
        "run_cases": "{cases} 个问题，{failed} 个出错",
        "run_leaked": "无效：有 {leaked} 个问题，检索到的段落里就有问题本身。",
        "run_figures": "均值，括号内为其 95% 置信区间；n 为问题数。",
        "run_version": "版本 {version}",
        "articles_tab": "文章",
        "articles_search": "搜索标题、标签或媒体",
        "articles_sort": "排序",
        "articles_newest": "从新到旧",
        "articles_oldest": "从旧到新",
        "articles_title": "按标题",
        "articles_lang": "语言",
        "articles_tag": "标签",
        "articles_count_one": "1 篇文章",
        "articles_count": "{count} 篇文章",
        "articles_found": "{count} 篇文章中的 {found} 篇",
        "articles_more": "再显示 {more} 篇",
        "articles_none": "还没有收录文章，可在上方添加。",
        "articles_no_match": "没有符合的文章。",
        "articles_passages_one": "1 段",
        "articles_passages": "{count} 段",
        "articles_choose": "选择一篇文章来阅读。回答引用的就是其中的段落。",
        "articles_gone": "这篇文章已不在收录之中。",
        "articles_back": "全部文章",
        "articles_offered": "这篇文章能回答的问题",
        "articles_text": "逐段阅读全文",
        "articles_qa": "问与答",
        "articles_add": "添加文章：.md、.txt 或其 zip 压缩包",
        "articles_adding": "正在添加……",
        "articles_reading": "已读 {done} / {of}：{name}",
        "articles_added": "已收录 {taken} 个，未收录 {failed} 个",
        "articles_file": "文件",
        "articles_outcome": "结果",
        "articles_outcome_added": "已添加",
        "articles_outcome_updated": "已替换",
        "articles_outcome_unchanged": "无变化",
        "articles_outcome_failed": "未收录",
        "articles_remove": "移除这篇文章",
        "articles_remove_sure": "要移除《{title}》吗？之后将不再根据它作答，文件仍保留在服务器上。",
        "articles_remove_yes": "移除",
        "articles_remove_no": "保留",
        "articles_removed": "已移除《{title}》。",
        "articles_foreign": "这篇文章来自另一个文件夹，只能在那里移除。",
        "articles_busy": "文章正在收录中，请稍后再试。",
        "articles_failed": "操作没有成功，请稍后再试。",
        "articles_reason_hidden": "这是隐藏文件，请去掉文件名开头的点。",
        "articles_reason_name": "文件名无法使用，请重新命名。",
        "articles_reason_suffix": "只接受 .md、.markdown、.txt 和 .zip 文件。",
        "articles_reason_empty": "文件是空的。",
        "articles_reason_too_large": "一篇文章最多 {limit} MB。",
        "articles_reason_not_text": "不是文本文件，或编码无法识别，请存为 UTF-8。",
        "articles_reason_no_text": "其中没有可以收录的文字。",
        "articles_reason_broken_archive": "压缩包已损坏，请重新制作。",
        "articles_reason_empty_archive": "压缩包里没有文件。",
        "articles_reason_encrypted": "文件已加密，请制作不带密码的压缩包。",
        "articles_reason_compression": "压缩方式不常见，请用通常的方式制作压缩包。",
        "articles_reason_nested": "压缩包里的压缩包不会打开，请单独上传。",
        "articles_reason_bomb": "解压后会超过原来的一百倍，文本不会如此。",
        "articles_reason_too_many": "一次最多上传 {limit} 个文件，其余请稍后上传。",
        "articles_reason_too_much": "一次上传解压后最多 {limit} MB，其余请稍后上传。",
        "articles_reason_not_written": "无法写入服务器的磁盘。",
        "articles_reason_not_indexed": "无法收录。",
        "articles_too_much": "这些文件共 {total} MB，一次最多上传 {limit} MB。请分几次上传，或打包成 zip 再上传。",
        "articles_opened": "已打开：",
        "articles_outlet": "媒体",
        "articles_only": "只问这篇文章",
        "articles_warning_encoding": "文件不是 UTF-8 编码，已按 {value} 读取；如有乱码，请存为 UTF-8。",
        "articles_warning_front_matter_lines": "文件开头的说明信息不是有效的 YAML，已尽量逐行读取。",
        "articles_warning_front_matter_open": "文件开头的说明信息没有结束标记（---），已当作正文。",
    },
}

_MONTHS: dict[Lang, str] = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "zh": "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
}
_DATES: dict[Lang, str] = {
    "en": "{day} {month} {year}",
    "de": "{day}. {month} {year}",
    "zh": "{year}年{month}{day}日",
}
_MILLISECONDS: dict[Lang, str] = {"en": "ms", "de": "ms", "zh": "毫秒"}
_SECONDS: dict[Lang, str] = {"en": "s", "de": "s", "zh": "秒"}


def page_lang(accept_language: str | None) -> Lang:
    """The page's language for a browser: the first it accepts that we speak, else English.

    >>> page_lang("fr-FR,de-AT;q=0.8,en;q=0.9"), page_lang("zh-TW"), page_lang(None)
    ('en', 'zh', 'en')
    """
    wanted: list[tuple[float, str]] = []
    for entry in (accept_language or "").split(","):
        match = re.fullmatch(r"\s*([a-zA-Z]+)[-\w]*\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?", entry)
        if match:
            wanted.append((float(match[2] or 1), match[1].lower()))
    for _, code in sorted(wanted, key=lambda entry: -entry[0]):
        for lang in TEXTS:
            if code == lang:
                return lang
    return "en"


def format_date(iso: str, lang: Lang) -> str:
    """A calendar date as people write it; what is no date stays as it is.

    >>> [format_date("2024-05-21", lang) for lang in ("en", "de", "zh")]
    ['21 May 2024', '21. Mai 2024', '2024年5月21日']
    """
    try:
        day = date.fromisoformat(iso)
    except ValueError:
        return iso
    month = _MONTHS[lang].split()[day.month - 1]
    return _DATES[lang].format(day=day.day, month=month, year=day.year)


def format_moment(moment: datetime, lang: Lang) -> str:
    """A point in time to the minute; the page may be read in any time zone, so it is in UTC.

    >>> [format_moment(datetime(2024, 5, 21, 9, 5, tzinfo=UTC), lang) for lang in ("en", "de", "zh")]
    ['21 May 2024, 09:05 UTC', '21. Mai 2024, 09:05 UTC', '2024年5月21日 09:05 UTC']
    """
    there = moment.astimezone(UTC)
    return f"{format_date(there.date().isoformat(), lang)}{' ' if lang == 'zh' else ', '}{there:%H:%M} UTC"


def format_share(share: float, lang: Lang) -> str:
    """A share or score with two decimals.

    >>> format_share(0.976, "en"), format_share(1, "de")
    ('0.98', '1,00')
    """
    return f"{share:.2f}".replace(".", "," if lang == "de" else ".")


def format_number(number: int, lang: Lang) -> str:
    """A whole number with its thousands apart.

    >>> format_number(12345, "en"), format_number(12345, "de"), format_number(12345, "zh")
    ('12,345', '12.345', '12,345')
    """
    return f"{number:,}".replace(",", "." if lang == "de" else ",")


def format_cost(cost: float, lang: Lang) -> str:
    """A price with two decimals, or as many as it takes to tell two digits of a small one.

    >>> format_cost(1.5, "en"), format_cost(0.000123, "de"), format_cost(0.0, "en")
    ('1.50', '0,00012', '0.00')
    """
    digits = 2 if cost >= 1 or cost <= 0 else max(2, 1 - floor(log10(cost)))
    shown = f"{cost:.{digits}f}"
    return shown.replace(".", ",") if lang == "de" else shown


def format_duration(milliseconds: float, lang: Lang) -> str:
    """A duration in milliseconds, or in seconds from one on.

    >>> format_duration(18.4, "en"), format_duration(0.2, "en"), format_duration(2345, "de")
    ('18 ms', '1 ms', '2,3 s')
    """
    if milliseconds < 1000:
        return f"{max(1, round(milliseconds))} {_MILLISECONDS[lang]}"
    seconds = f"{milliseconds / 1000:.1f}"
    return f"{seconds.replace('.', ',') if lang == 'de' else seconds} {_SECONDS[lang]}"
