// What Gradio leaves open on our page. Loaded as a script of the document; it needs no eval.
(() => {
  "use strict";

  // Gradio reads a message's source to screen readers, tags and all; without its label they read the message.
  const unlabel = () => {
    for (const message of document.querySelectorAll("#chat [data-testid][aria-label]")) {
      message.removeAttribute("aria-label");
    }
  };

  // What follows a rating or an upload is read out when it appears.
  const announce = () => {
    for (const told of document.querySelectorAll("#feedback-told, #articles-told")) {
      told.setAttribute("aria-live", "polite");
    }
  };

  // The panel holds the sources of one answer. Those of earlier answers are kept here, and come back when one of
  // their citations is followed.
  const kept = new Map();
  const keep = () => {
    const shown = document.querySelector("#sources .sources");
    if (shown?.querySelector(".card")) kept.set(shown.id, shown.innerHTML);
  };
  const restore = (target) => {
    const shown = document.querySelector("#sources .sources");
    const id = target.replace(/^source-/, "sources-").replace(/-\d+$/, "");
    if (shown && !document.getElementById(target) && kept.has(id)) {
      shown.innerHTML = kept.get(id);
      shown.id = id;
    }
  };
  document.addEventListener(
    "click",
    (event) => {
      const link = event.target instanceof Element && event.target.closest("a.cite");
      if (link) restore(link.getAttribute("href").slice(1));
    },
    true,
  );

  // The tab of articles: a title opens its article, a question that the article offers goes into the box of the chat.
  const type = (box, text) => {
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };
  let clicks = 0;
  let wanted = ""; // the id of the article that was clicked and is not there yet
  const open = (link) => {
    const box = document.querySelector("#articles-open textarea, #articles-open input");
    if (!box) return;
    wanted = link.hash.slice(1);
    clicks += 1;
    type(box, `${wanted.slice("article-".length)} ${clicks}`);
    arrive();
  };
  const arrive = () => {
    const article = wanted ? document.querySelector("#article .reading") : null;
    if (!article || article.id !== wanted) return;
    wanted = "";
    const desk = document.querySelector("#desk"); // scrolls by itself, or on a phone with the page
    desk.scrollTop = 0;
    desk.scrollIntoView();
    article.focus({ preventScroll: true });
  };
  const offer = (link) => {
    const box = document.querySelector("#question textarea");
    if (!box) return;
    document.querySelector("#tab-chat-button")?.click();
    type(box, link.textContent);
    requestAnimationFrame(() => box.focus());
  };
  document.addEventListener(
    "click",
    (event) => {
      const link = event.target instanceof Element && event.target.closest("a.open-article, a.offered");
      if (!link) return;
      event.preventDefault();
      if (link.classList.contains("offered")) offer(link);
      else open(link);
    },
    true,
  );

  // A slash brings whoever reads back to the question box.
  document.addEventListener("keydown", (event) => {
    const at = event.target instanceof Element ? event.target : document.body;
    const typing = at.closest("input, textarea, select, [contenteditable]");
    const box = document.querySelector("#question textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey || !box) return;
    event.preventDefault();
    document.querySelector("#tab-chat-button")?.click();
    requestAnimationFrame(() => box.focus());
  });

  // Whoever has a keyboard can type at once; on a phone the keyboard would cover half the page.
  let focused = !matchMedia("(pointer: fine)").matches;
  const focus = () => {
    const box = focused ? null : document.querySelector("#question textarea");
    if (box) {
      box.focus();
      focused = true;
    }
  };

  new MutationObserver(() => {
    unlabel();
    announce();
    keep();
    arrive();
    focus();
  }).observe(document.documentElement, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ["aria-label"],
  });
})();
