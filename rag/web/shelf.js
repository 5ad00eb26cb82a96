// The tab of articles, beside what page.js does for it: the list marks the article that is open and grows, and an
// upload that is too large is told before it is sent.
(() => {
  "use strict";

  const type = (box, text) => {
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };

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
  document.addEventListener(
    "click",
    (event) => {
      const more = event.target instanceof Element && event.target.closest("#articles-more");
      if (more) listed = document.querySelectorAll("#articles .item").length;
    },
    true,
  );
  const goOn = () => {
    const next = listed ? document.querySelectorAll("#articles a.open-article")[listed] : null;
    if (!next) return;
    listed = 0;
    next.focus({ preventScroll: true });
  };

  // The server would cut it off, and Gradio show that as an error of its own. The reader is told instead.
  let refusals = 0;
  const refuse = (event, files) => {
    const limit = window.gradio_config?.max_file_size;
    const total = [...files].reduce((sum, file) => sum + file.size, 0);
    const box = document.querySelector("#articles-refused textarea, #articles-refused input");
    if (!limit || !box || total <= limit) return false;
    event.preventDefault();
    event.stopImmediatePropagation();
    refusals += 1; // so that the same once more is a change
    type(box, `${total} ${limit} ${refusals}`);
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

  new MutationObserver(() => {
    mark();
    goOn();
    unlabel();
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
