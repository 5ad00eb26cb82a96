// What all scripts of the page share, and what Gradio leaves open. Runs before anything of Gradio does; needs no eval.
(() => {
  "use strict";

  // The reader's language: the one that was chosen, else the browser's. Gradio takes it from the browser, so it is
  // told there. The server reads the same cookie.
  const cookie = document.cookie.split("; ").find((one) => one.startsWith(`${ask.cookie}=`));
  const chosen = cookie?.split("=")[1];
  if (chosen in ask.words) {
    const tag = chosen === "zh" ? "zh-CN" : chosen; // Gradio knows no Chinese without a country
    Object.defineProperty(navigator, "language", { get: () => tag });
    Object.defineProperty(navigator, "languages", { get: () => [tag] });
  }
  const spoken = [navigator.language, ...navigator.languages].map((one) => one.slice(0, 2).toLowerCase());
  ask.lang = spoken.find((lang) => lang in ask.words) ?? "en";
  ask.word = (name) => ask.words[ask.lang][name];

  // The scripts look at the page whenever it changes: Gradio draws it piece by piece, and again.
  const looks = [];
  ask.look = (look) => looks.push(look);
  const observe = () =>
    new MutationObserver(() => looks.forEach((look) => look())).observe(document.documentElement, {
      childList: true,
      subtree: true,
      characterData: true,
      attributes: true,
      attributeFilter: ["aria-label"],
    });
  observe();

  // Clicks on what the server wrote into the page. Gradio's own parts have handlers of their own.
  ask.click = (selector, act) =>
    document.addEventListener(
      "click",
      (event) => {
        const hit = event.target instanceof Element && event.target.closest(selector);
        if (!hit) return;
        if (act(hit, event) !== false) event.preventDefault();
      },
      true,
    );

  // Gradio can only end what the server has given a number. Who ends a question that is still on its way there would be
  // passed over, so that this waits until it has arrived.
  let underWay = 0;
  const postponed = new Map();
  const arrived = () => {
    underWay -= 1;
    if (underWay) return;
    const acts = [...postponed.values()];
    postponed.clear();
    acts.forEach((act) => act());
  };
  ask.onceArrived = (name, act) => (underWay ? postponed.set(name, act) : act());
  const send = window.fetch;
  window.fetch = async (...given) => {
    if (!String(given[0]?.url ?? given[0]).includes("/queue/join")) return send(...given);
    underWay += 1;
    const later = () => setTimeout(arrived, 100); // milliseconds; Gradio has to read the number, too
    try {
      const response = await send(...given);
      response.clone().text().then(later, later);
      return response;
    } catch (error) {
      later();
      throw error;
    }
  };
  ask.click("#stop, #new", (button, event) => {
    if (!underWay) return false;
    event.stopImmediatePropagation();
    ask.onceArrived(button.id, () => document.getElementById(button.id)?.click());
  });

  // Type into a text box of Gradio's, as a person would. A number in front makes each wish a change.
  ask.type = (id, text) => {
    const box = document.querySelector(`#${id} textarea, #${id} input`);
    if (!box) return null;
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    return box;
  };
  let wishes = 0;
  ask.wish = (id, text) => ask.type(id, text.replace("#", String((wishes += 1))));

  // Whoever has a keyboard can type at once; on a phone the keyboard would cover half the page.
  const keyboard = matchMedia("(pointer: fine)").matches;

  ask.isBusy = () => Boolean(document.querySelector("#chat .searching, #chat .going-on"));

  // Ask a question: Gradio takes what was typed when it has drawn it.
  ask.question = (text) => {
    if (ask.isBusy()) return;
    document.querySelector("#tab-chat-button")?.click();
    const box = ask.type("question", text);
    requestAnimationFrame(() => {
      if (keyboard) box?.focus({ preventScroll: true });
      document.querySelector("#ask")?.click();
    });
  };
  ask.click("a.offered", (link) => ask.question(link.textContent));

  ask.click("a.lang", (link) => {
    document.cookie = `${ask.cookie}=${link.lang}; path=/; max-age=31536000; SameSite=Lax`;
    location.reload();
  });

  // Gradio reads a message's source to screen readers, tags and all; without its label they read the message.
  ask.look(() => {
    for (const message of document.querySelectorAll("#chat [data-testid][aria-label]")) {
      message.removeAttribute("aria-label");
    }
  });

  // What follows a rating or an upload is read out when it appears.
  ask.look(() => {
    for (const told of document.querySelectorAll("#feedback-told, #articles-told, #followups")) {
      told.setAttribute("aria-live", "polite");
    }
  });

  // Days are chosen from the browser's calendar, in its own way of writing them.
  ask.look(() => {
    for (const box of document.querySelectorAll("#filter-from input, #filter-to input")) {
      if (box.type !== "date") box.type = "date";
    }
  });

  document.addEventListener("input", (event) => {
    if (event.target instanceof Element && event.target.closest("#filter-from, #filter-to")) {
      ask.wish("filters-picked", "#");
    }
  });

  ask.click("button.chip", (chip) => {
    const [, field, index] = chip.id.match(/^chip-(.+)-(\d+)$/);
    ask.wish("filters-drop", `${field} ${index} #`);
  });

  // A slash brings whoever reads back to the question box; Escape closes what is open.
  document.addEventListener("keydown", (event) => {
    const at = event.target instanceof Element ? event.target : document.body;
    if (event.key === "Escape") {
      const open = at.closest("#tools details[open]");
      open?.removeAttribute("open");
      open?.querySelector("summary").focus();
      return;
    }
    const typing = at.closest("input, textarea, select, [contenteditable]");
    const box = document.querySelector("#question textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey || !box) return;
    event.preventDefault();
    document.querySelector("#tab-chat-button")?.click();
    requestAnimationFrame(() => box.focus());
  });
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("#tools details[open]")) {
      // By the path, since what was clicked may be gone by now.
      if (!event.composedPath().includes(open)) open.removeAttribute("open");
    }
  });

  // A new question goes to the top, and stays there while its answer comes, unless its reader scrolls.
  let newest = "";
  let following = false;
  ask.look(() => {
    const asked = [...document.querySelectorAll("#chat .asked")].pop();
    const now = asked ? `${asked.id} ${asked.textContent}` : "";
    if (now !== newest) following = true;
    newest = now;
    if (!asked || !following) return;
    const reading = document.querySelector("#reading"); // scrolls by itself, or on a phone with the page
    const above = asked.getBoundingClientRect().top - reading.getBoundingClientRect().top;
    if (getComputedStyle(reading).overflowY === "auto") reading.scrollTop += above;
    else asked.scrollIntoView({ block: "start" });
  });
  for (const scrolled of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    document.addEventListener(scrolled, () => (following = false), { passive: true });
  }

  let focused = !keyboard;
  ask.look(() => {
    const box = focused ? null : document.querySelector("#question textarea");
    if (box) {
      box.focus();
      focused = true;
    }
  });
})();
