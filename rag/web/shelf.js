// The tab of articles: a title opens its article, the list marks it and grows, and an upload that is too large is told
// before it is sent.
(() => {
  "use strict";

  let wanted = ""; // the id of the article that was clicked and is not there yet
  const arrive = () => {
    const article = wanted ? document.querySelector("#article .reading") : null;
    if (!article || article.id !== wanted) return;
    wanted = "";
    const desk = document.querySelector("#desk"); // scrolls by itself, or on a phone with the page
    desk.scrollTop = 0;
    desk.scrollIntoView({ block: matchMedia("(max-width: 900px)").matches ? "start" : "nearest" });
    article.focus({ preventScroll: true });
  };
  ask.look(arrive);
  ask.click("a.open-article", (link) => {
    wanted = link.hash.slice(1);
    ask.wish("articles-open", `${wanted.slice("article-".length)} #`);
    arrive();
  });

  // The list may come anew at any time, and an article open or close; neither asks the server about the other.
  const mark = () => {
    const reading = document.querySelector("#article .reading");
    const link = reading && document.querySelector(`#articles a.open-article[href="#${CSS.escape(reading.id)}"]`);
    const marked = document.querySelector("#articles a[aria-current]");
    if (marked === (link ?? null)) return;
    marked?.removeAttribute("aria-current");
    marked?.closest(".item").classList.remove("current");
    link?.setAttribute("aria-current", "true");
    link?.closest(".item").classList.add("current");
  };

  // Gradio names the box for uploads in English, whatever the page's language; what stands in it says it better.
  const unlabel = () =>
    document.querySelector("#articles-upload button[aria-dropeffect][aria-label]")?.removeAttribute("aria-label");

  // Whoever asked for more goes on at the first of them.
  let listed = 0;
  ask.click("#articles-more", () => {
    listed = document.querySelectorAll("#articles .item").length;
    return false;
  });
  const goOn = () => {
    const next = listed ? document.querySelectorAll("#articles a.open-article")[listed] : null;
    if (!next) return;
    listed = 0;
    next.focus({ preventScroll: true });
  };

  // Whoever wants to ask the open article alone goes where one asks.
  ask.click("#article-ask", () => {
    document.querySelector("#tab-chat-button")?.click();
    return false;
  });

  // The server would cut it off, and Gradio show that as an error of its own. The reader is told instead.
  const refuse = (event, files) => {
    const limit = window.gradio_config?.max_file_size;
    const total = [...files].reduce((sum, file) => sum + file.size, 0);
    if (!limit || total <= limit) return false;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask.wish("articles-refused", `${total} ${limit} #`);
    return true;
  };
  const inUpload = (target, inside) => target instanceof Element && target.closest(`#articles-upload ${inside}`);
  document.addEventListener(
    "change",
    (event) => {
      const chosen = event.target;
      if (inUpload(chosen, "input[type=file]") && refuse(event, chosen.files)) chosen.value = "";
    },
    true,
  );
  document.addEventListener(
    "drop",
    (event) => {
      const refused = inUpload(event.target, "button") && event.dataTransfer && refuse(event, event.dataTransfer.files);
      if (refused) event.target.dispatchEvent(new DragEvent("dragleave", { bubbles: true })); // the box lights up no more
    },
    true,
  );

  ask.look(mark);
  ask.look(goOn);
  ask.look(unlabel);
})();
