"use strict";
// A list of any length, of which only the rows in sight are in the page.

class LongList {
  // `draw(item)` gives a row's children, `name(item)` tells items apart; `chosen(item)` hears which row was chosen.
  constructor(box, { draw, name, chosen }) {
    Object.assign(this, { box, draw, name, chosen, items: [], index: -1 });
    this.rows = element("div", { class: "rows", role: "presentation" });
    box.replaceChildren(this.rows);
    box.addEventListener("scroll", () => this.redraw(), { passive: true });
    box.addEventListener("click", (event) => {
      const row = event.target.closest("[data-index]");
      if (row) this.choose(Number(row.dataset.index));
    });
    box.addEventListener("keydown", (event) => {
      const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
      if (by) { event.preventDefault(); this.move(by); }
    });
    new ResizeObserver(() => this.redraw()).observe(box);
  }

  // Show other items; the chosen one stays chosen where it is still among them.
  show(items) {
    const chosen = this.items[this.index];
    this.items = items;
    this.index = chosen ? items.findIndex((item) => this.name(item) === this.name(chosen)) : -1;
    this.rows.style.height = `${items.length * this.height()}px`;
    this.box.scrollTop = this.index < 0 ? 0 : this.box.scrollTop;
    this.redraw();
  }

  height() {
    return 3.5 * parseFloat(getComputedStyle(document.documentElement).fontSize);
  }

  move(by) {
    this.choose(Math.max(0, Math.min(this.items.length - 1, this.index + by)));
  }

  choose(index) {
    if (!this.items[index]) return;
    this.index = index;
    const height = this.height(), top = index * height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    if (top + height > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + height - this.box.clientHeight;
    this.redraw();
    this.chosen(this.items[index]);
  }

  redraw() {
    const height = this.height(), few = 5;
    const first = Math.max(0, Math.floor(this.box.scrollTop / height) - few);
    const last = Math.min(this.items.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / height) + few);
    const rows = [];
    for (let index = first; index < last; index++) {
      const row = element("div", {
        class: "row", role: "option", id: `row-${index}`, "data-index": index, "aria-selected": String(index === this.index),
        "aria-setsize": this.items.length, "aria-posinset": index + 1,
      }, this.draw(this.items[index]));
      row.style.top = `${index * height}px`;
      rows.push(row);
    }
    this.rows.replaceChildren(...rows);
    if (this.index >= first && this.index < last) this.box.setAttribute("aria-activedescendant", `row-${this.index}`);
    else this.box.removeAttribute("aria-activedescendant");
  }
}
