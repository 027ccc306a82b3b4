"use strict";
// What changes on the page, as the server tells it: sections as HTML, by the elements that they replace.

(() => {
  const connection = document.getElementById("connection");
  const say = (text) => { connection.textContent = visible(text); };
  let source = null;

  function listen() {
    source = new EventSource("events");
    source.addEventListener("open", () => say("live"));
    source.addEventListener("error", () => say("the server does not answer: what you see is the last that it said"));
    source.addEventListener("trouble", (event) => { source.close(); say(JSON.parse(event.data)); });
    source.addEventListener("message", (event) => renew(JSON.parse(event.data)));
  }

  function renew(sections) {
    const before = evaluated();
    for (const [name, html] of Object.entries(sections)) replace(name, html);
    const all = evaluated() !== before; // a round is over, and all may have changed
    if (all || sections.revisions) document.dispatchEvent(new CustomEvent("more-explanations", { detail: { all } }));
  }

  // a browser keeps six connections to a server: who does not look needs none
  function whileSeen() {
    if (document.hidden) source?.close();
    else if (!source || source.readyState === EventSource.CLOSED) listen();
  }
  document.addEventListener("visibilitychange", whileSeen);
  whileSeen();

  function evaluated() {
    return document.getElementById("facts")?.dataset.evaluated;
  }

  // What is open stays open, and what has the focus keeps it.
  function replace(name, html) {
    const before = document.getElementById(name);
    const after = new DOMParser().parseFromString(html, "text/html").getElementById(name);
    const open = new Set([...before.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent));
    after.querySelectorAll("summary").forEach((summary) => { summary.parentElement.open = open.has(summary.textContent); });
    const focused = before.contains(document.activeElement) && nameOf(document.activeElement);
    before.replaceWith(document.adoptNode(after));
    if (focused) [...after.querySelectorAll("a, summary, [tabindex]")].find((one) => nameOf(one) === focused)?.focus({ preventScroll: true });
  }

  function nameOf(one) {
    return one.getAttribute("aria-label") ?? one.textContent;
  }
})();
