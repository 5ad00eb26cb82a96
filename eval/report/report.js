// Every case of a run: filter, search, sort, unfold. Text from the data goes in as text, never as HTML.
(() => {
  "use strict";

  const PAGE = 50; // rows drawn at a time
  const VERDICTS = { failed: "! failed", wrong: "✗ wrong", unjudged: "? unjudged", right: "✓ right" };

  // --- Small parts ---------------------------------------------------------------------------------------

  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };

  const langOf = (lang) => (/^(zh|en|de)$/.test(lang ?? "") ? lang : undefined);

  // A gold answer may be in each of the three languages; Chinese can be told, and needs its own letterforms.
  const textLang = (text, lang) => langOf(/\p{Script=Han}/u.test(text) ? "zh" : lang === "zh" ? undefined : lang);

  const link = (url, text) =>
    /^https?:\/\//i.test(url ?? "") ? make("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, text) : text;

  const figure = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));

  const anchorOf = (id) => `case-${encodeURIComponent(id.toWellFormed?.() ?? id)}`;

  // --- The data ------------------------------------------------------------------------------------------

  const read = async () => {
    const script = document.getElementById("data");
    if (script.dataset.encoding !== "gzip") return JSON.parse(script.textContent);
    const bytes = Uint8Array.from(atob(script.textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  };

  const plain = (text) => text.normalize("NFKC").toLowerCase();

  const haystack = (one) => {
    one.haystack ??= plain(
      [one.id, one.question, one.answer?.text ?? "", ...one.golds, one.gold_text ?? "", one.error ?? ""].join("\n"),
    );
    return one.haystack;
  };

  // --- One case, unfolded --------------------------------------------------------------------------------

  const sentence = (said, anchor) => {
    const cites = said.citations.map((number) => {
      const cite = make("button", { type: "button", class: "cite", "aria-label": `citation ${number}` }, `[${number}]`);
      cite.addEventListener("click", () => document.getElementById(`${anchor}-source-${number}`)?.focus());
      return cite;
    });
    return make("span", { lang: langOf(said.lang) }, said.text, ...cites, " ");
  };

  const answer = (one, anchor) => {
    const parts = [make("h4", null, "Answer")];
    if (one.error) parts.push(make("p", { class: "error" }, one.error));
    if (!one.answer) return parts;
    const { sentences, text, refusal, dropped, disagreements } = one.answer;
    const said = sentences.length ? sentences.map((each) => sentence(each, anchor)) : [text];
    parts.push(make("p", { class: "prose", lang: langOf(one.lang) }, ...said));
    if (refusal) parts.push(make("p", { class: "quiet" }, `Refused: ${refusal}`));
    for (const each of disagreements) {
      parts.push(make("p", { class: "quiet" }, `Sources disagree on ${each.about}: [${each.citations.join("], [")}]`));
    }
    for (const each of dropped) {
      const struck = make("del", { class: "prose", lang: textLang(each.text, one.lang) }, each.text);
      parts.push(make("p", null, struck, make("small", { class: "quiet" }, ` left out: ${each.reason}`)));
    }
    return parts;
  };

  const source = (citation, anchor) => {
    const quote = make("mark", null, citation.quote);
    const moved = citation.before === null;
    const title = citation.title || citation.file;
    return make(
      "div",
      { class: "source", id: `${anchor}-source-${citation.number}`, tabindex: "-1" },
      make(
        "p",
        null,
        `[${citation.number}] `,
        make("span", { lang: textLang(title, citation.lang) }, link(citation.url, title)),
        make("small", { class: "quiet" }, ` ${citation.lang} · ${citation.file}`),
      ),
      make("blockquote", { lang: langOf(citation.lang) }, citation.before, quote, citation.after),
      moved ? make("p", { class: "error" }, "This quote does not stand in its passage.") : null,
    );
  };

  const gold = (one) => {
    const parts = [make("h4", null, "Wanted")];
    if (!one.answerable) parts.push(make("p", null, "A refusal: no article answers this."));
    if (one.golds.length) {
      if (!one.answerable) parts.push(make("p", { class: "quiet" }, "Where an article does, the answer is:"));
      parts.push(
        make("ul", null, ...one.golds.map((text) => make("li", { class: "prose", lang: textLang(text, one.lang) }, text))),
      );
    }
    if (one.truncated) parts.push(make("p", { class: "quiet" }, "The gold answer breaks off; what is there counts."));
    if (one.gold_text) {
      parts.push(
        make("h4", null, "Where it stands"),
        make("p", { class: "prose", lang: textLang(one.gold_text, one.article_langs[0]) }, one.gold_text),
      );
    }
    for (const url of one.links) parts.push(make("p", null, make("small", null, link(url, url))));
    return parts;
  };

  const found = (one) => {
    if (!one.answer) return [];
    const rank = one.gold_rank ? `the right article at rank ${one.gold_rank}` : "the right article not among them";
    const said = one.answerable ? `${one.found.length} passages, ${rank}` : `${one.found.length} passages`;
    const rows = one.found.map((passage) => {
      const title = passage.title || passage.file;
      return make(
        "li",
        { class: passage.gold ? "gold" : null },
        make("span", { lang: textLang(title, passage.lang) }, link(passage.url, title)),
        make("small", { class: "quiet" }, ` ${passage.lang} · ${figure(passage.score)} `),
        passage.gold ? make("span", { class: "badge" }, "right article") : null,
      );
    });
    return [make("h4", null, "Found: ", said), make("ol", { class: "ranks" }, ...rows)];
  };

  const others = (one) =>
    one.others
      .filter((other) => other.text) // half of a search says nothing
      .flatMap((other) => [
        make("h4", null, `Said by: ${other.name}`),
        make("p", { class: "prose", lang: textLang(other.text, one.lang) }, other.text),
      ]);

  const scores = (one, blocks) => {
    const head = ["measure", "score", ...one.others.map((other) => other.name), "why"];
    const rows = blocks.flatMap((block) =>
      block.measures
        .filter((measure) => measure.id in one.scores)
        .map((measure) => {
          const [value, reason] = one.scores[measure.id];
          return make(
            "tr",
            null,
            make("th", { scope: "row" }, `${measure.name} `, make("code", null, measure.id)),
            make("td", null, make("b", null, figure(value))),
            ...one.others.map((other) => make("td", null, figure(other.scores[measure.id]))),
            make("td", null, reason),
          );
        }),
    );
    const box = make(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Scores of this case" },
      make(
        "table",
        null,
        make("thead", null, make("tr", null, ...head.map((name) => make("th", { scope: "col" }, name)))),
        make("tbody", null, ...rows),
      ),
    );
    return rows.length ? [make("h4", null, "Scores"), box] : [];
  };

  const inside = (one, blocks) => {
    const anchor = anchorOf(one.id);
    const sources = one.answer?.citations ?? [];
    const cited = sources.length ? [make("h4", null, "What it cites")] : [];
    const ms = one.answer?.ms ? ` · ${Math.round(one.answer.ms)} ms` : "";
    const facts = `${one.kind_words} · ${one.kind} · leak ${figure(one.leak)}${ms} · `;
    return make(
      "div",
      { class: "inside" },
      make("div", null, ...answer(one, anchor), ...cited, ...sources.map((each) => source(each, anchor)), ...others(one)),
      make("div", null, ...gold(one), ...found(one)),
      make(
        "div",
        { class: "scores" },
        ...scores(one, blocks),
        make("p", { class: "quiet" }, make("small", null, facts, make("a", { href: `#${anchor}` }, `link to ${one.id}`))),
      ),
    );
  };

  const row = (one, blocks) => {
    const confidence = one.answer ? `confidence ${figure(one.answer.confidence)}` : "no answer";
    const articles = one.article_langs.length ? ` → ${one.article_langs.join(", ")}` : "";
    const details = make(
      "details",
      { class: `case ${one.verdict}`, id: anchorOf(one.id) },
      make(
        "summary",
        null,
        make("span", { class: "verdict" }, VERDICTS[one.verdict]),
        make(
          "span",
          { class: "heading" },
          make("span", { class: "question", lang: langOf(one.lang) }, one.question),
          make("span", { class: "why" }, one.why),
        ),
        make(
          "span",
          { class: "facts-of-case" },
          make("span", null, `${one.lang}${articles}`),
          make("span", null, confidence),
        ),
      ),
    );
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(inside(one, blocks));
    });
    return details;
  };

  // --- Filters and order ---------------------------------------------------------------------------------

  const option = (value, text) => make("option", { value }, text);

  const choice = (name, label, options, wide) =>
    make("label", { class: wide ? "wide" : null }, label, make("select", { name }, ...options));

  const controls = (data) => {
    const count = (test) => data.cases.filter(test).length.toLocaleString("en");
    const verdicts = Object.keys(VERDICTS)
      .filter((verdict) => data.cases.some((one) => one.verdict === verdict))
      .map((verdict) => option(`is:${verdict}`, `all ${verdict} (${count((one) => one.verdict === verdict)})`));
    const reasons = data.reasons.map(({ key, words, n }) => option(key, `${words} (${n.toLocaleString("en")})`));
    const measures = data.blocks.map((block) =>
      make(
        "optgroup",
        { label: block.name },
        ...block.measures.map(({ id, name, lower }) => option(id, `${name}, ${lower ? "highest" : "lowest"} first`)),
      ),
    );
    const orders = [
      option("", "worst first"),
      option(":confidence", "confidence, highest first"),
      option(":asked", "by id"),
      ...measures,
    ];
    return make(
      "form",
      { class: "controls", role: "search", "aria-label": "Filter the cases" },
      make(
        "label",
        { class: "wide" },
        "Search in question, answer, gold and id",
        make("input", { type: "search", name: "text", autocomplete: "off", spellcheck: "false" }),
      ),
      choice("reason", "Verdict and reason", [option("", "every verdict"), ...verdicts, ...reasons], true),
      choice("lang", "Question in", [option("", "any language"), ...data.langs.map((lang) => option(lang, lang))]),
      choice("article", "Right article in", [
        option("", "any language"),
        ...data.article_langs.map((lang) => option(lang, lang)),
      ]),
      choice("kind", "Kind", [option("", "any kind"), ...data.kinds.map(([kind, words]) => option(kind, words))]),
      choice("answered", "Answered or refused", [
        option("", "both"),
        option("answered", "answered"),
        option("refused", "refused"),
      ]),
      choice("order", "Order", orders),
      make("label", { class: "check" }, make("input", { type: "checkbox", name: "reversed" }), "reversed"),
    );
  };

  const passes = (one, wanted) =>
    (!wanted.reason || one.key === wanted.reason || `is:${one.verdict}` === wanted.reason) &&
    (!wanted.lang || one.lang === wanted.lang) &&
    (!wanted.article || one.article_langs.includes(wanted.article)) &&
    (!wanted.kind || one.kind === wanted.kind) &&
    (!wanted.answered || (one.answer && one.answer.answered === (wanted.answered === "answered"))) &&
    (!wanted.text || haystack(one).includes(plain(wanted.text)));

  // Cases that an order says nothing of come last, whichever way round it is.
  const sorted = (cases, order, lower, reversed) => {
    if (!order) return reversed ? cases.toReversed() : cases;
    const sign = reversed ? -1 : 1;
    if (order === ":asked") {
      return cases.toSorted((a, b) => sign * a.id.localeCompare(b.id, "en", { numeric: true }));
    }
    const value = (one) => (order === ":confidence" ? one.answer?.confidence : one.scores[order]?.[0]) ?? null;
    const highest = order === ":confidence" || lower;
    return cases.toSorted((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      return sign * (highest ? y - x : x - y);
    });
  };

  // --- The list ------------------------------------------------------------------------------------------

  const start = (data) => {
    const form = controls(data);
    const count = make("p", { id: "count", role: "status" });
    const rows = make("div", { id: "rows" });
    const more = make("button", { type: "button", id: "more-cases" });
    const lower = new Set(data.blocks.flatMap((block) => block.measures.filter((m) => m.lower).map((m) => m.id)));
    let shown = [];
    let matching = 0;
    let drawn = 0;

    const say = (number) => number.toLocaleString("en");
    const draw = () => {
      const next = shown.slice(drawn, drawn + PAGE);
      rows.append(...next.map((one) => row(one, data.blocks)));
      drawn += next.length;
      count.textContent = matching
        ? `${say(matching)} of ${say(data.cases.length)} cases; ${say(drawn)} shown`
        : "No case is like that. Take a filter off, or search for less.";
      more.hidden = drawn >= shown.length;
      more.textContent = `Show ${Math.min(PAGE, shown.length - drawn)} more`;
    };

    const update = (first) => {
      const wanted = Object.fromEntries(new FormData(form));
      const matched = data.cases.filter((one) => passes(one, wanted));
      matching = matched.length;
      const ordered = sorted(matched, wanted.order, lower.has(wanted.order), "reversed" in wanted);
      shown = first ? [first, ...ordered.filter((one) => one !== first)] : ordered;
      rows.replaceChildren();
      drawn = 0;
      draw();
    };

    // A link to one case takes all filters off and puts the case on top, opened.
    const follow = () => {
      const wanted = location.hash.slice(1);
      const one = wanted.startsWith("case-") && data.cases.find((each) => anchorOf(each.id) === wanted);
      if (!one) return;
      form.reset();
      update(one);
      const top = rows.firstElementChild;
      top.open = true;
      top.querySelector("summary").focus({ preventScroll: true });
      top.scrollIntoView();
    };

    form.addEventListener("input", () => update());
    form.addEventListener("submit", (event) => event.preventDefault());
    more.addEventListener("click", () => {
      const before = drawn;
      draw();
      rows.children[before]?.querySelector("summary").focus({ preventScroll: true });
    });
    window.addEventListener("hashchange", follow);
    // Once more for a link that is followed twice: then the hash does not change.
    document.addEventListener("click", (event) => {
      const followed = event.target instanceof Element && event.target.closest('a[href^="#case-"]');
      if (followed && followed.getAttribute("href") === location.hash) follow();
    });
    document.getElementById("list").replaceChildren(form, count, rows, more);
    update();
    follow();
  };

  read().then(start, (error) => {
    const said = `The cases cannot be shown: ${error.message}. A browser of 2023 or later shows them.`;
    document.getElementById("list").replaceChildren(make("p", { class: "banner" }, said));
  });
})();
