"use strict";
// What others wrote is only ever put into a page as text, and what would act in it is named instead, as in elad.text.

const ACTING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function visible(text) {
  return String(text).replace(ACTING, (found) => "\\u" + found.charCodeAt(0).toString(16).padStart(4, "0"));
}

// An element with attributes and children; texts become text.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false)
    .map((child) => (child instanceof Node ? child : visible(child))));
  return made;
}

// What somebody wrote, kept apart from the direction of the text around it.
function given(text, ...classes) {
  return element("div", { class: ["given", ...classes].join(" "), dir: "auto" }, text);
}
