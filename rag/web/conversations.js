// Conversations are kept in the browser: what the server writes into the ledger is stored here, and goes back to the
// server when the page is loaded anew or an earlier conversation is opened.
(() => {
  "use strict";

  const PREFIX = "ask:conversation:";
  const MOST = 4_000_000; // characters that are kept; browsers give five million
  const MOST_AT_ONCE = 1_000_000; // that go back to the server; of three bytes each they are what it takes
  const ENTRIES_AT_ONCE = 200;
  const before = sessionStorage.getItem("ask:current"); // each tab has its own
  let id = before;
  let entries = [];
  let unshown = 0; // entries in front of those that the server knows, which numbers the ones it knows

  const read = (key) => {
    try {
      const found = JSON.parse(localStorage.getItem(key));
      return found.entries.length && found.entries.every((one) => typeof one.question === "string") ? found : null;
    } catch {
      return null; // nothing of ours
    }
  };
  const keys = () => Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  const kept = () =>
    keys()
      .map((key) => ({ key, ...read(key) }))
      .filter((one) => one.entries)
      .sort((a, b) => b.at - a.at);

  const forget = (key) => localStorage.removeItem(key);
  const keep = () => {
    if (!id) {
      id = crypto.randomUUID?.() ?? String(Date.now()) + Math.random();
      sessionStorage.setItem("ask:current", id);
    }
    const whole = JSON.stringify({ at: Date.now(), entries });
    // The oldest go first when there is no room.
    const others = kept().filter((one) => one.key !== PREFIX + id);
    let size = whole.length + others.reduce((sum, one) => sum + localStorage.getItem(one.key).length, 0);
    while (size > MOST && others.length) {
      const oldest = others.pop().key;
      size -= localStorage.getItem(oldest).length;
      forget(oldest);
    }
    try {
      localStorage.setItem(PREFIX + id, whole);
    } catch {
      // No room, or storage is forbidden: the conversation lasts as long as its page.
    }
  };
  const leave = () => {
    id = null;
    entries = [];
    unshown = 0;
    sessionStorage.removeItem("ask:current");
  };

  const placeOf = (number) => unshown + number - 1;
  ask.entries = () => entries;
  ask.entry = (number) => entries[placeOf(number)];

  // What the server wrote since: an entry with its number, or with 0 all of them.
  let written = "";
  ask.look(() => {
    const coded = document.querySelector("#ledger .ledger")?.textContent ?? "";
    if (coded === written) return;
    written = coded;
    if (!coded) return;
    const bytes = Uint8Array.from(atob(coded), (char) => char.charCodeAt(0));
    const told = JSON.parse(new TextDecoder().decode(bytes));
    if (!told.number) {
      leave();
      entries = told.entries;
    } else {
      // A number that does not follow is of a conversation that this page does not know.
      if (placeOf(told.number) > entries.length) leave();
      entries = [...entries.slice(0, placeOf(told.number)), told.entry];
    }
    if (entries.length) keep();
    if (told.entry?.trouble === "interrupted") sent(told.entry.question);
  });

  // A question has arrived: what was typed goes, unless it was changed since.
  const sent = (question) => {
    const box = document.querySelector("#question textarea");
    if (box?.value.trim() === question) ask.type("question", "");
    ask.type("at", "");
    if (document.activeElement?.id === "ask") box?.focus({ preventScroll: true }); // it gives way to the one to stop
  };

  // Back to the server: the newest entries, as many as it takes at once.
  const restore = (wanted) => ask.onceArrived("restore", () => ask.wish("restore", `#\n${wanted}`));
  const open = (key) => {
    const found = read(key);
    if (!found) return;
    id = key.slice(PREFIX.length);
    sessionStorage.setItem("ask:current", id);
    entries = found.entries;
    let back = entries.slice(-ENTRIES_AT_ONCE);
    while (back.length > 1 && JSON.stringify(back).length > MOST_AT_ONCE) back = back.slice(1);
    unshown = entries.length - back.length;
    restore(JSON.stringify(back));
  };

  // On load: the answer that a link names, else the conversation that this tab was in.
  let arrived = false;
  ask.look(() => {
    if (arrived || !document.querySelector("#tools .tools") || !document.querySelector("#restore textarea")) return;
    arrived = true;
    const link = new URLSearchParams(location.search).get("answer");
    if (link) {
      history.replaceState(null, "", location.pathname);
      leave();
      restore(`answer:${link}`);
    } else if (id && id === before && !entries.length) {
      open(PREFIX + id); // unless something was asked already
    }
  });

  document.addEventListener(
    "click",
    (event) => {
      if (!(event.target instanceof Element && event.target.closest("#new"))) return;
      leave();
      ask.type("at", "");
    },
    true,
  );

  // The list of earlier conversations.
  const made = (name, text, className) => {
    const element = document.createElement(name);
    element.textContent = text;
    element.className = className;
    return element;
  };
  const row = (one) => {
    const item = made("li", "", one.key === PREFIX + id ? "current" : "");
    const title = made("button", one.entries[0].question, "open-conversation");
    title.dataset.key = one.key;
    const tag = { en: "en-GB", de: "de-DE", zh: "zh-CN" }[ask.lang];
    const when = new Date(one.at).toLocaleString(tag, { dateStyle: "medium", timeStyle: "short" });
    const count = one.entries.length;
    const questions = ask.word(count === 1 ? "history_one" : "history_many").replace("{count}", count);
    title.append(made("small", `${when} · ${questions}`, ""));
    const gone = made("button", "×", "delete-conversation");
    gone.dataset.key = one.key;
    gone.setAttribute("aria-label", `${ask.word("history_delete")}: ${one.entries[0].question}`);
    item.append(title, gone);
    return item;
  };
  const list = () => {
    const sheet = document.querySelector("#history .sheet");
    const all = kept();
    if (!all.length) {
      sheet.replaceChildren(made("p", ask.word("history_empty"), "empty"));
      return;
    }
    const items = made("ul", "", "");
    items.append(...all.map(row));
    sheet.replaceChildren(made("p", ask.word("history_where"), "empty"), items);
    if (all.length > 1) sheet.append(made("button", ask.word("history_delete_all"), "delete-all"));
  };
  ask.click("#history > summary", () => {
    list();
    return false; // it opens by itself
  });
  ask.click(".open-conversation", (button) => {
    document.querySelector("#history").removeAttribute("open");
    open(button.dataset.key);
  });
  ask.click(".delete-conversation", (button) => {
    const current = button.dataset.key === PREFIX + id;
    forget(button.dataset.key);
    if (current) document.querySelector("#new").click();
    list();
    document.querySelector("#history summary").focus();
  });
  ask.click(".delete-all", (button) => {
    if (button.dataset.sure) {
      keys().forEach(forget);
      document.querySelector("#new").click();
      list();
      document.querySelector("#history summary").focus();
    } else {
      button.dataset.sure = "yes";
      button.textContent = ask.word("history_delete_sure");
    }
  });
})();
