// What Gradio leaves open on our page. Loaded as a script of the document; it needs no eval.
(() => {
  "use strict";

  // Gradio reads a message's source to screen readers, tags and all; without its label they read the message.
  const unlabel = () => {
    for (const message of document.querySelectorAll("#chat [data-testid][aria-label]")) {
      message.removeAttribute("aria-label");
    }
  };

  // What follows a rating is read out when it appears.
  const announce = () => {
    document.querySelector("#feedback-told")?.setAttribute("aria-live", "polite");
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
    focus();
  }).observe(document.documentElement, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ["aria-label"],
  });
})();
