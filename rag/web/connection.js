// Whether the server is there. While it is not, the page says so and waits; once it is back, a page that it does not
// know any more is loaded anew. The conversation is kept in the browser, and so is what was typed.
(() => {
  "use strict";

  const EVERY = 10_000; // milliseconds between two looks
  const EVERY_WHEN_LOST = 1_500;
  const DRAFT = "ask:draft";

  const lost = document.createElement("div");
  lost.id = "lost";
  lost.setAttribute("role", "alert");
  let known = "";
  let waiting = 0;
  let looking = false;

  const look = async () => {
    if (looking) return;
    looking = true;
    clearTimeout(waiting);
    try {
      const response = await fetch("gradio_api/app_id", { cache: "no-store" });
      if (response.status >= 500) throw new Error(String(response.status));
      const app = response.ok ? String((await response.json()).app_id) : known; // else it wants to know who is there
      if (known && known !== app) {
        location.reload();
        return;
      }
      known = app;
      lost.remove();
    } catch {
      lost.textContent = ask.word("lost");
      if (!lost.isConnected) document.body.append(lost);
    }
    looking = false;
    waiting = setTimeout(look, lost.isConnected ? EVERY_WHEN_LOST : EVERY);
  };
  addEventListener("load", look);
  addEventListener("online", look);

  // Gradio says it too, when something fails, in English and over our own words.
  ask.look(() => {
    const failed = document.querySelectorAll(".toast-body.error");
    if (failed.length && !lost.isConnected) look();
    if (lost.isConnected) failed.forEach((toast) => toast.remove());
  });

  // What was typed and not sent.
  document.addEventListener("input", (event) => {
    if (!(event.target instanceof Element && event.target.closest("#question"))) return;
    if (event.target.value) sessionStorage.setItem(DRAFT, event.target.value);
    else sessionStorage.removeItem(DRAFT);
  });
  let drafted = false;
  ask.look(() => {
    if (drafted || !document.querySelector("#tools .tools")) return;
    drafted = true;
    const draft = sessionStorage.getItem(DRAFT);
    if (draft) ask.type("question", draft);
  });
})();
