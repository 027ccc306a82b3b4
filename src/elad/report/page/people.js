"use strict";
// A person teaches: a question, the first flawed step of its explanation, why, and how it goes on from there.
// What is written goes to the server as it is written, and stays in this browser until the server has it.

const FIELDS = { revise: ["why", "steps", "answer"], rationale: ["steps", "answer"], judge: ["why"] };

(() => {
  const who = document.getElementById("who"), desk = document.getElementById("task"), notice = document.getElementById("notice");
  const group = decodeURIComponent(location.hash.slice(1)) || null; // what a link asks for: `#review`
  let person = "", task = null, waiting = null, saving = Promise.resolve(), offline = false;

  const kept = {
    name: () => `elad ${person} ${task.key}`,
    put: () => localStorage.setItem(kept.name(), JSON.stringify({ draft: written(), version: task.version })),
    drop: () => localStorage.removeItem(kept.name()),
    get: () => JSON.parse(localStorage.getItem(kept.name()) ?? "null"),
  };

  async function ask(act, said = {}) {
    let reply;
    try {
      reply = await fetch(act, { method: "POST", body: JSON.stringify({ person, ...said }) });
    } catch {
      offline = true;
      throw new Error("The server does not answer. What you write stays in this browser; once `elad view` runs again, open its address here.");
    }
    const told = await reply.json().catch(() => ({ error: `The server refuses (${reply.status}): open the address that it printed.` }));
    if (!reply.ok) throw Object.assign(new Error(told.error), told);
    drawStanding(told.standing);
    if (offline) {
      offline = false;
      say("");
      if (task && kept.get()) save();
    }
    return told;
  }

  function say(text) {
    notice.hidden = !text;
    notice.replaceChildren(visible(text ?? ""));
  }

  async function attempt(work) {
    try {
      await work();
      return true;
    } catch (error) {
      say(error.message);
      return false;
    }
  }

  // -- a task ------------------------------------------------------------------------------------------------------

  async function next(key = "") {
    await attempt(async () => take((await ask("claim", { key, group })).claim));
  }

  function take(claim) {
    task = claim;
    say("");
    if (!task) {
      desk.replaceChildren(element("p", {}, "Nothing waits for you now. New questions come by themselves."));
      return;
    }
    const local = kept.get();
    const unsent = local && local.version >= task.version && JSON.stringify(local.draft) !== JSON.stringify(task.draft);
    desk.replaceChildren(...drawTask(unsent ? local.draft : task.draft));
    show();
    desk.querySelector("[data-first]")?.focus();
    if (unsent) save();
  }

  function drawTask(draft) {
    const { content, form } = task, asked = form === "rationale" ? "Write an explanation, a step a line, and its answer." :
      form === "judge" ? "Does this explanation hold? Else click its first flawed step." :
      "Accept this explanation, or click its first flawed step and write on from there.";
    const steps = content.steps ?? [];
    const choice = (value, label, ...inside) => element("label", { class: "choice" },
      element("input", { type: "radio", name: "flaw", value, checked: String(draft.flaw ?? "") === value, "data-first": value === "accept" }),
      element("span", { class: "number" }, label), inside);
    const field = (name, label, tag = "textarea") => element("label", { class: "field", "data-field": name }, label,
      Object.assign(element(tag, { name, rows: tag === "textarea" ? 3 : null, "data-first": form === "rationale" && name === "steps" }),
        { value: draft[name] ?? "" }));
    return [
      element("h2", {}, task.group),
      content.problem && element("p", { class: "notice" }, content.problem),
      given(content.question, "question"),
      content.choices && element("ol", { type: "A" }, content.choices.map((text) => element("li", {}, given(text)))),
      element("form", { id: "answer" },
        element("p", {}, asked),
        form !== "rationale" && element("fieldset", {}, element("legend", {}, "The student’s explanation"),
          choice("accept", "holds", " No flaw, from the first step to the answer"),
          steps.map((step, i) => choice(String(i + 1), `step ${i + 1}`, given(step))),
          choice(String(steps.length + 1), "answer", content.answer == null ? "It gives no answer." : given(content.answer))),
        field("why", "What is wrong there?", "input"),
        field("steps", form === "rationale" ? "The steps, one a line" : "The steps from there on, one a line"),
        field("answer", "The answer", "input"),
        element("details", {}, element("summary", {}, "It can’t be answered"), field("unusable", "Why?", "input")),
        element("p", {}, element("button", {}, "Answer"), " ", element("button", { type: "button", id: "give-back" }, "Give it back"),
          element("small", {}, " ", element("kbd", {}, "a"), " holds, ", element("kbd", {}, "1"), "…", element("kbd", {}, "9"),
            " first flawed step, ", element("kbd", {}, "0"), " the answer, ", element("kbd", {}, "Ctrl"), "+", element("kbd", {}, "Enter"), " answers"))),
    ].filter(Boolean);
  }

  function written() {
    const said = Object.fromEntries(new FormData(document.getElementById("answer")));
    return Object.fromEntries(Object.entries(said).filter(([, value]) => value));
  }

  // Only what the choice leaves to be said is asked for.
  function show() {
    const open = task.form === "rationale" || ![undefined, "accept"].includes(written().flaw);
    for (const field of desk.querySelectorAll("[data-field]")) {
      field.hidden = field.dataset.field !== "unusable" && !(open && FIELDS[task.form].includes(field.dataset.field));
    }
    desk.querySelector("details").hidden = task.form === "judge";
  }

  function reply() {
    const said = written(), steps = (said.steps ?? "").split("\n").map((step) => step.trim()).filter(Boolean);
    if (said.unusable?.trim()) return { unusable: said.unusable.trim() };
    const rest = { steps, answer: said.answer?.trim() || null };
    if (task.form === "rationale") return rest;
    if (!said.flaw) throw new Error("Say whether the explanation holds, or click its first flawed step.");
    if (said.flaw === "accept") return { flaw: null };
    return { flaw: Number(said.flaw), why: said.why ?? "", ...(task.form === "judge" ? {} : rest) };
  }

  // One after the other, so that each goes over the version that the one before has left.
  function save() {
    clearTimeout(waiting);
    const about = task, draft = written();
    saving = saving.then(() => attempt(async () => {
      try {
        about.version = (await ask("draft", { key: about.key, draft, version: about.version })).version;
        if (about === task) { about.draft = draft; if (JSON.stringify(written()) === JSON.stringify(draft)) kept.drop(); }
        say("");
      } catch (error) {
        if (error.draft && about === task) fromAnotherTab(error, draft);
        throw error;
      }
    }));
    return saving;
  }

  function fromAnotherTab(newer, mine) {
    kept.drop();
    Object.assign(task, { draft: newer.draft, version: newer.version });
    desk.replaceChildren(...drawTask(newer.draft),
      element("details", {}, element("summary", {}, "What stood here before"), given(Object.values(mine).join("\n"))));
    show();
  }

  async function answer() {
    await attempt(async () => {
      const said = reply();
      if (!(await save())) return;
      await ask("answer", { key: task.key, reply: said, version: task.version });
      kept.drop();
      await next();
    });
  }

  // -- how it stands -------------------------------------------------------------------------------------------------

  function drawStanding({ groups, mine }) {
    const open = Object.entries(groups).filter(([name, counts]) => (!group || name === group) && counts.handed_in < counts.wanted);
    document.getElementById("standing").replaceChildren(...open.map(([group, counts]) => {
      const people = Object.entries(counts.people).map(([name, count]) => `${name} ${count}`).join(", ");
      const complete = counts.answered >= counts.wanted && group !== "review";
      return element("div", {},
        element("p", {}, element("strong", {}, group), `: ${counts.answered} of ${counts.wanted} answered`, people && ` (${people})`, counts.held > 0 && `, ${counts.held} being written`),
        complete && element("p", {}, element("button", { "data-hand-in": group }, `Hand in ${group}`), " The student learns from it then."));
    }));
    if (open.length === 0) document.getElementById("standing").replaceChildren(element("p", {}, "Nothing waits for an answer."));
    document.getElementById("mine").replaceChildren(...mine.map(({ key, group, question }) => element("li", {},
      element("button", { "data-undo": key, "aria-label": `Take back: ${question}` }, "take back"), ` ${group}: `, element("span", { dir: "auto" }, question))));
  }

  document.addEventListener("click", (event) => {
    const { undo, handIn } = event.target.dataset;
    if (undo) attempt(async () => take((await ask("undo", { key: undo })).claim));
    if (handIn) attempt(async () => { await ask("hand-in", { group: handIn }); if (!task) await next(); });
    if (event.target.id === "give-back") attempt(async () => { await save(); await ask("release", { key: task.key }); await next(); });
  });
  desk.addEventListener("input", () => {
    kept.put();
    show();
    clearTimeout(waiting);
    waiting = setTimeout(save, 300);
  });
  desk.addEventListener("submit", (event) => { event.preventDefault(); answer(); });
  document.addEventListener("keydown", (event) => {
    if (!task) return;
    if (event.key === "Enter" && event.ctrlKey) { event.preventDefault(); answer(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("textarea, input:not([type=radio])")) return;
    const last = (task.content.steps ?? []).length + 1;
    const value = event.key === "a" ? "accept" : event.key === "0" ? String(last) : event.key;
    const choice = desk.querySelector(`input[name=flaw][value="${CSS.escape(value)}"]`);
    if (!choice) return;
    event.preventDefault();
    choice.click();
    (value === "accept" ? choice : desk.querySelector("[data-field=why] input")).focus();
  });
  who.addEventListener("submit", (event) => {
    event.preventDefault();
    person = who.elements.person.value.trim();
    localStorage.setItem("elad person", person);
    next();
  });
  setInterval(() => { if (person) attempt(async () => { if (task) await ask("look"); else await next(); }); }, 3000);
  who.elements.person.value = localStorage.getItem("elad person") ?? "";
  if (who.elements.person.value) who.requestSubmit();
})();
