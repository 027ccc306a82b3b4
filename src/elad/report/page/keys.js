"use strict";
// Single keys, where they can't be meant for something else, and as long as they are not switched off.

function onKeys(toggle, acts) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !event.key.match(/^[jk]$/)) return;
    if (!toggle.checked || event.target.matches("button, a, summary, select, textarea, input:not([type=checkbox], [type=radio])")) return;
    const act = acts(event.key);
    if (act) { event.preventDefault(); act(); }
  });
}
