"use strict";
// A person teaches: a question, the first flawed step of its explanation, why, and how it goes on from there.
// What is written goes to the server as it is written, and stays in this browser until the server has it.

(() => {
  const who = document.getElementById("who"), desk = document.getElementById("task");
  const group = groupIn(location.hash); // what a link asks for: `#group=review of round 3`
  let task = null, waiting = null, saving = Promise.resolve(), answering = false, standing = "", others = false;
  const queue = new Queue(document.getElementById("notice"), told);

  // What the server does not have yet, and what another window's words took the place of.
  const unsent = (about) => `elad unsent ${who.dataset.run} ${queue.person} ${about.key}`;
  const beside = (about) => `elad beside ${who.dataset.run} ${queue.person} ${about.key}`;
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const written = () => writtenIn(document.getElementById("answer"));

  function groupIn(hash) {
    try { return decodeURIComponent(hash.match(/^#group=(.*)$/)?.[1] ?? "") || null; } catch { return null; }
  }

  // Drawn only when it has changed, or whoever stands on a button there would fall off it.
  function told(now) {
    others = Object.values(now.groups).some((counts) => counts.answered < counts.wanted);
    if (same(now, standing)) return;
    standing = now;
    drawStanding(now, group);
  }

  async function next() {
    take((await queue.ask("claim", { group })).claim);
  }

  function take(claim) {
    task = claim;
    if (!task) {
      const nothing = others
        ? "Nothing is for you now: what is still wanted is for other people, or being written."
        : "Nothing waits for you now. New questions come by themselves.";
      if (desk.textContent !== nothing) desk.replaceChildren(element("p", {}, nothing));
      return;
    }
    const kept = Kept.get(unsent(task)), newer = kept && kept.version >= task.version && !same(kept.draft, task.draft);
    show(newer ? kept.draft : task.draft);
    if (newer) save();
  }

  function show(draft) {
    const before = Kept.get(beside(task));
    desk.replaceChildren(...drawTask(task, draft),
      ...(before ? [element("details", {}, element("summary", {}, "What stood here before"), given(before))] : []));
    showFields(document.getElementById("answer"), task);
    (desk.querySelector("input:checked") ?? desk.querySelector("input, textarea")).focus();
  }

  // One after the other, so that each goes over the version that the one before has left.
  function save() {
    clearTimeout(waiting);
    const about = task, draft = written();
    saving = saving.then(() => queue.attempt(async () => {
      try {
        about.version = (await queue.ask("draft", { key: about.key, draft, version: about.version })).version;
      } catch (error) {
        if (about === task && error.draft) fromAnotherTab(error, draft);
        if (about === task && error.gone) await next();
        throw error;
      }
      about.draft = draft;
      if (about !== task || same(written(), draft)) Kept.drop(unsent(about));
      queue.say();
    }));
    return saving;
  }

  function fromAnotherTab({ draft, version }, mine) {
    Kept.drop(unsent(task));
    Kept.put(beside(task), draftInWords(mine));
    Object.assign(task, { draft, version });
    show(draft);
  }

  async function answer() {
    if (answering || !task) return;
    answering = true;
    const about = task;
    await queue.attempt(async () => {
      const reply = replyIn(written(), about);
      if (!(await save()) || about !== task) return;
      await queue.ask("answer", { key: about.key, reply, version: about.version });
      Kept.drop(beside(about));
      if (about === task) await next();
    });
    answering = false;
  }

  async function giveBack() {
    const about = task;
    if (!(await save())) return;
    await queue.ask("release", { key: about.key });
    if (about === task) await next();
  }

  async function look() {
    if (!task) return next();
    if (Kept.get(unsent(task))) return save();
    const about = task;
    try {
      const { standing } = await queue.ask("look", document.hidden ? {} : { key: about.key });
      if (about === task && standing.mine.some(({ key }) => key === about.key)) await next(); // answered in another tab
    } catch (error) {
      if (error.gone) await next();
      throw error;
    }
  }

  document.addEventListener("click", ({ target }) => {
    const { undo, handIn } = target.dataset;
    if (undo) queue.attempt(async () => take((await queue.ask("undo", { key: undo })).claim));
    if (handIn) queue.attempt(async () => { await queue.ask("hand-in", { group: handIn }); if (!task) await next(); });
    if (target.id === "give-back") queue.attempt(giveBack);
  });
  desk.addEventListener("input", () => {
    Kept.put(unsent(task), { draft: written(), version: task.version });
    showFields(document.getElementById("answer"), task);
    clearTimeout(waiting);
    waiting = setTimeout(save, 300);
  });
  desk.addEventListener("submit", (event) => { event.preventDefault(); answer(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.ctrlKey && !event.repeat) { event.preventDefault(); answer(); }
  });
  onKeys(who.elements.keys, (key) => {
    const last = String((task?.content.steps ?? []).length + 1);
    const choice = desk.querySelector(`[name=flaw][value="${CSS.escape({ a: HOLDS, 0: last }[key] ?? key)}"]`);
    return choice && (() => {
      choice.click();
      (choice.value === HOLDS ? choice : desk.querySelector("[name=why]")).focus();
    });
  });
  who.addEventListener("submit", (event) => {
    event.preventDefault();
    queue.person = who.elements.person.value.trim();
    Kept.put("elad person", queue.person);
    queue.attempt(next);
  });
  setInterval(() => { if (queue.person && !answering) queue.attempt(look); }, 3000);
  who.elements.person.value = Kept.get("elad person") ?? "";
  if (who.elements.person.value) who.requestSubmit();
})();
