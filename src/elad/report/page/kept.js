"use strict";
// What this browser keeps for a page; where it may not keep anything, only as long as the page is open.

const Kept = {
  here: new Map(),

  put(name, value) {
    Kept.here.set(name, value);
    try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* it is kept in the page */ }
  },

  get(name) {
    try { return JSON.parse(localStorage.getItem(name)) ?? Kept.here.get(name); } catch { return Kept.here.get(name); }
  },

  drop(name) {
    Kept.here.delete(name);
    try { localStorage.removeItem(name); } catch { /* there is nothing */ }
  },
};
