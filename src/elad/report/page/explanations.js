"use strict";
// The explanations: fetched once they are looked at, filtered, sorted, one of them in full.

(() => {
  const section = document.getElementById("explanations"), form = section.querySelector("form");
  const detail = document.getElementById("detail"), found = document.getElementById("found");
  const announced = document.getElementById("opened");
  const box = document.getElementById("list");
  const list = new LongList(box, { draw: drawRow, name: linkTo, chosen: (item) => open(item, true) });
  let items = [], levels = [], loading = null, opened = null;

  const filters = {
    round: (item) => `round ${item.round}`,
    state: (item) => item.state,
    verdict: (item) => item.verdict,
    domain: (item) => item.domain ?? "",
    flaw: (item) => item.place,
  };
  const sorts = {
    "the order of rounds": null,
    "doubt, most first": (item) => -(item.doubt ?? Infinity),
    "doubt, least first": (item) => item.doubt ?? Infinity,
    "selection score, highest first": (item) => -(item.score ?? Infinity),
    "cost, most first": (item) => -(item.money ?? item.tokens),
    "cost, least first": (item) => Number(item.money ?? item.tokens),
  };

  // Pieces stand in the page itself, or are fetched beside it: a list of JSON, compressed, of each round.
  const fetched = new Map();
  function pieces() {
    const inside = [...document.querySelectorAll("script.piece")].map((piece) => unpacked(piece.textContent));
    for (const round of (document.getElementById("facts").dataset.rounds ?? "").split(" ").filter(Boolean)) {
      if (!fetched.has(round)) fetched.set(round, fetchPiece(round));
    }
    return Promise.all([...inside, ...fetched.values()]);
  }

  async function fetchPiece(round) {
    try {
      const reply = await fetch(`explanations/${round}`);
      if (!reply.ok) throw new Error(await reply.text());
      return await reply.json();
    } catch (error) {
      fetched.delete(round);
      throw error;
    }
  }

  function unpacked(piece) {
    const bytes = Uint8Array.from(atob(piece), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  }

  async function load() {
    try {
      items = (await pieces()).flat();
    } catch (error) {
      found.textContent = visible(`The explanations can't be read: ${error.message}`);
      loading = null;
      return;
    }
    for (const item of items) {
      const texts = [item.id, item.question, item.why, item.student.answer, ...item.student.steps, item.target?.answer,
        ...(item.target?.steps ?? [])];
      item.searched = texts.filter(Boolean).join("\n").toLowerCase();
    }
    levels = levelsOf(items);
    for (const [name, value] of Object.entries(filters)) offer(name, [...new Set(items.map(value))]);
    show();
    follow();
  }

  function offer(name, values) {
    const before = form.elements[name].value, natural = new Intl.Collator("en", { numeric: true }).compare;
    const options = values.sort(natural).map((value) => element("option", { value: `=${value}` }, value || "(none)"));
    form.elements[name].replaceChildren(element("option", { value: "" }, "all"), ...options);
    form.elements[name].value = before;
    if (form.elements[name].selectedIndex < 0) form.elements[name].value = "";
    form.elements[name].parentElement.hidden = values.length < 2;
  }

  function show() {
    const text = form.elements.text.value.toLowerCase();
    const wanted = Object.entries(filters).filter(([name]) => form.elements[name].value);
    const shown = items.filter((item) => item.searched.includes(text)
      && wanted.every(([name, value]) => `=${value(item)}` === form.elements[name].value));
    const by = sorts[form.elements.sort.value];
    list.show(by ? shown.map((item) => [by(item), item]).sort((a, b) => a[0] - b[0]).map((pair) => pair[1]) : shown);
    found.textContent = `${shown.length.toLocaleString("en")} of ${items.length.toLocaleString("en")} explanations`;
    const still = opened && shown.find((item) => linkTo(item) === linkTo(opened));
    if (still) {
      if (JSON.stringify(still) !== JSON.stringify(opened)) open(still, false);
    } else if (shown.length === 0) {
      opened = null;
      detail.replaceChildren();
    } else if (opened || !location.hash.startsWith("#explanation/")) {
      list.index = 0;
      open(list.items[0], false);
      list.redraw();
    }
  }

  function open(item, linked) {
    opened = item;
    detail.replaceChildren(...drawItem(item, levels));
    detail.scrollTop = 0;
    announced.textContent = visible(`${item.id}: ${item.verdict} ${item.place}`);
    if (linked) history.replaceState(null, "", linkTo(item));
  }

  // The item that the address names.
  function follow() {
    const [, round, encoded] = location.hash.match(/^#explanation\/(\d+)\/(.*)$/) ?? [];
    if (!round) return;
    const id = decoded(encoded), item = items.find((item) => item.round === Number(round) && item.id === id);
    if (!item) {
      detail.replaceChildren(element("p", { class: "notice" }, `There is no explanation of ${id} in round ${round} here.`));
    } else if (item !== opened) {
      const index = list.items.indexOf(item);
      if (index >= 0) list.choose(index); else open(item, true);
      section.scrollIntoView();
    }
  }

  form.elements.sort.replaceChildren(...Object.keys(sorts).map((name) => element("option", {}, name)));
  function decoded(text) {
    try { return decodeURIComponent(text); } catch { return text; }
  }

  const once = () => (loading ??= load());
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.elements.figures.addEventListener("change", (event) => detail.classList.toggle("with-figures", event.target.checked));
  addEventListener("hashchange", () => once().then(follow));
  onKeys(form.elements.keys, (key) => loading && {
    j: () => list.move(1), k: () => list.move(-1), "/": () => form.elements.text.focus(), d: () => form.elements.figures.click(),
  }[key]);
  form.elements.text.addEventListener("keydown", (event) => { if (event.key === "Escape") event.target.blur(); });
  // `live.js` says that there are more of the last round, or that a round is over and all may have changed
  document.addEventListener("more-explanations", (event) => {
    if (event.detail.all) fetched.clear();
    else fetched.delete([...fetched.keys()].at(-1));
    if (loading) loading = loading.then(load);
  });
  if (location.hash.startsWith("#explanation/")) once();
  else new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && once(), { rootMargin: "400px" }).observe(section);
})();
