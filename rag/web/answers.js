// What can be done with an answer: look at its sources, copy it, link to it, save it, ask again.
(() => {
  "use strict";

  // The panel holds the sources of one answer. Those of the others are kept here, and come back when one of their
  // citations is followed.
  const kept = new Map();
  ask.look(() => {
    for (const shown of document.querySelectorAll("#sources .sources, #earlier .sources")) {
      if (shown.querySelector(".card")) kept.set(shown.id, shown.innerHTML);
    }
  });
  const panelOf = (target) => target.replace(/^source-/, "sources-").replace(/-\d+$/, "");
  ask.click("a.cite", (link) => {
    const target = link.hash.slice(1);
    const shown = document.querySelector("#sources .sources");
    if (shown && !shown.querySelector(`#${CSS.escape(target)}`) && kept.has(panelOf(target))) {
      shown.innerHTML = kept.get(panelOf(target));
      shown.id = panelOf(target);
    }
    return false; // the link leads there
  });

  // A look at a source, while a citation has the pointer or the focus. It stays while the pointer is over it, and
  // Escape takes it away.
  const preview = document.createElement("div");
  preview.id = "preview";
  preview.setAttribute("role", "tooltip");
  preview.hidden = true;
  let leaving = 0;
  let looked = null; // the citation whose source is shown
  const hide = () => {
    preview.hidden = true;
    looked?.removeAttribute("aria-describedby");
    looked = null;
  };
  const place = () => {
    if (!looked) return;
    const at = looked.getBoundingClientRect();
    if (at.bottom < 0 || at.top > innerHeight) {
      hide();
      return;
    }
    const box = preview.getBoundingClientRect();
    const above = at.top > box.height + 12;
    preview.style.left = `${Math.max(8, Math.min(at.left - 24, innerWidth - box.width - 8))}px`;
    preview.style.top = `${above ? at.top - box.height - 6 : at.bottom + 6}px`;
  };
  const show = (link) => {
    clearTimeout(leaving);
    const panel = document.createElement("template");
    panel.innerHTML = kept.get(panelOf(link.hash.slice(1))) ?? "";
    const card = panel.content.querySelector(`#${CSS.escape(link.hash.slice(1))}`);
    if (!card) return;
    const quote = document.createElement("blockquote");
    const passage = card.querySelector("blockquote");
    quote.lang = passage.lang;
    quote.append(...(passage.querySelectorAll("mark").length ? passage.querySelectorAll("mark") : passage.childNodes));
    preview.replaceChildren(card.querySelector(".title"), card.querySelector(".meta"), quote);
    if (!preview.isConnected) document.querySelector(".gradio-container").append(preview);
    preview.hidden = false;
    looked?.removeAttribute("aria-describedby");
    looked = link;
    place();
    link.setAttribute("aria-describedby", "preview");
  };
  const leave = () => {
    clearTimeout(leaving);
    leaving = setTimeout(hide, 200);
  };
  const linkAt = (event) => event.target instanceof Element && event.target.closest("a.cite");
  for (const [came, went] of [
    ["pointerover", "pointerout"],
    ["focusin", "focusout"],
  ]) {
    document.addEventListener(came, (event) => {
      if (event.pointerType === "touch") return; // a tap leads to the source itself
      if (linkAt(event)) show(linkAt(event));
      else if (preview.contains(event.target)) clearTimeout(leaving);
    });
    document.addEventListener(went, (event) => {
      if (linkAt(event) || preview.contains(event.target)) leave();
    });
  }
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("scroll", place, true);

  // Taking answers away.
  const exported = (kind, entries) =>
    fetch(`export/${kind}?lang=${ask.lang}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(entries),
    }).then((response) => {
      if (!response.ok) throw new Error(String(response.status));
      return response;
    });
  const told = (button, word) => {
    button.dataset.label ??= button.textContent;
    button.textContent = ask.word(word);
    button.setAttribute("aria-live", "polite");
    setTimeout(() => (button.textContent = button.dataset.label), 2000);
  };
  const copy = async (text, html) => {
    if (navigator.clipboard && window.ClipboardItem) {
      const kinds = { "text/plain": new Blob([text], { type: "text/plain" }) };
      if (html) kinds["text/html"] = new Blob([html], { type: "text/html" });
      await navigator.clipboard.write([new ClipboardItem(kinds)]);
      return;
    }
    // Without https a browser has no other way.
    const copied = (event) => {
      event.clipboardData.setData("text/plain", text);
      if (html) event.clipboardData.setData("text/html", html);
      event.preventDefault();
    };
    document.addEventListener("copy", copied, { once: true });
    if (!document.execCommand("copy")) throw new Error("copying is not possible here");
  };
  const numberOf = (button) => Number(button.id.split("-")[1]);
  const tried = (button, work, word) =>
    work().then(
      () => told(button, word),
      () => told(button, "act_failed"),
    );
  ask.click("button.act.copy", (button) => {
    tried(
      button,
      async () => {
        const { text, html } = await (await exported("copy", [ask.entry(numberOf(button))])).json();
        await copy(text, html);
      },
      "copied",
    );
  });
  ask.click("button.act.link", (button) => {
    const { answer } = ask.entry(numberOf(button));
    tried(button, () => copy(`${location.origin}${location.pathname}?answer=${answer.id}`), "copied");
  });
  ask.click("button.act.save", (button) => {
    const kind = button.id.split("-")[1];
    tried(
      button,
      async () => {
        const response = await exported(kind, ask.entries());
        const name = response.headers.get("content-disposition")?.match(/filename\*=UTF-8''([^;]+)/)?.[1];
        const link = document.createElement("a");
        link.href = URL.createObjectURL(await response.blob());
        link.download = name ? decodeURIComponent(name) : `conversation.${kind === "html" ? "html" : "md"}`;
        link.click();
        URL.revokeObjectURL(link.href);
      },
      "saved",
    );
  });

  // What is under the conversation belongs to an answer, and comes after it.
  ask.look(() => {
    const latest = [...document.querySelectorAll("#chat .acts")].pop()?.id.slice("acts-".length);
    const under = document.querySelector("#followups .followups")?.id.slice("followups-".length);
    document.documentElement.classList.toggle("stale", Boolean(under) && latest !== under);
  });

  // Asking anew: the answer of the new question takes the place of the old one and of all that followed.
  const again = (number) => ask.type("at", String(number));
  ask.click("button.act.again", (button) => {
    if (ask.isBusy()) return;
    again(numberOf(button));
    ask.question(ask.entry(numberOf(button)).question);
  });
  const editing = document.createElement("p");
  editing.id = "editing";
  editing.className = "notice";
  const done = () => {
    again("");
    editing.remove();
  };
  ask.click("button.act.edit", (button) => {
    const number = numberOf(button);
    if (ask.isBusy()) return;
    again(number);
    const stop = document.createElement("button");
    stop.className = "act cancel";
    stop.textContent = ask.word("cancel");
    editing.replaceChildren(ask.word("editing").replace("{number}", number), " ", stop);
    document.querySelector("#composer").before(editing);
    ask.type("question", ask.entry(number).question)?.focus();
  });
  ask.click("#editing .cancel", () => {
    done();
    ask.type("question", "")?.focus();
  });
  ask.look(() => {
    const at = document.querySelector("#at textarea");
    if (editing.isConnected && at && !at.value) editing.remove();
  });
})();
