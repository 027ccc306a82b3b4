"use strict";
// What changes on the page, as the server tells it: sections as HTML, by the elements that they replace.

(() => {
  const connection = document.getElementById("connection");
  const source = new EventSource("events");
  source.addEventListener("open", () => { connection.textContent = "live"; });
  source.addEventListener("error", () => { connection.textContent = "the server does not answer: what you see is the last that it said"; });
  source.addEventListener("message", (event) => {
    const sections = JSON.parse(event.data);
    for (const [name, html] of Object.entries(sections)) replace(name, html);
    if (!sections.revisions && !sections.rounds) return;
    document.dispatchEvent(new CustomEvent("more-explanations", { detail: { all: Boolean(sections.rounds) } }));
  });

  // What is open stays open, and what has the focus keeps it.
  function replace(name, html) {
    const before = document.getElementById(name);
    const after = new DOMParser().parseFromString(html, "text/html").getElementById(name);
    const folded = [...before.querySelectorAll("details")], focusable = "a, summary, [tabindex]";
    after.querySelectorAll("details").forEach((details, i) => { details.open = folded[i]?.open ?? false; });
    const focused = [...before.querySelectorAll(focusable)].indexOf(document.activeElement);
    before.replaceWith(document.adoptNode(after));
    if (focused >= 0) after.querySelectorAll(focusable)[focused]?.focus({ preventScroll: true });
  }
})();
