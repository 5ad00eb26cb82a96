// The tab of articles: a title opens its article.
(() => {
  "use strict";

  let wanted = ""; // the id of the article that was clicked and is not there yet
  const arrive = () => {
    const article = wanted ? document.querySelector("#article .reading") : null;
    if (!article || article.id !== wanted) return;
    wanted = "";
    const desk = document.querySelector("#desk"); // scrolls by itself, or on a phone with the page
    desk.scrollTop = 0;
    desk.scrollIntoView();
    article.focus({ preventScroll: true });
  };
  ask.look(arrive);
  ask.click("a.open-article", (link) => {
    wanted = link.hash.slice(1);
    ask.wish("articles-open", `${wanted.slice("article-".length)} #`);
    arrive();
  });
})();
