"use strict";
// What a person is asked, as a form, and what they have written in it.

const FORMS = {
  revise: {
    asks: "Accept this explanation, or click its first flawed step and write on from there.",
    judges: true,
    declines: true,
    fields: { why: "What is wrong there?", steps: "The steps from there on, one a line", answer: "The answer" },
  },
  rationale: {
    asks: "Write an explanation and its answer.",
    judges: false,
    declines: true,
    fields: { steps: "The steps, one a line", answer: "The answer" },
  },
  judge: {
    asks: "Does this explanation hold? Else click its first flawed step.",
    judges: true,
    declines: false,
    fields: { why: "What is wrong there?" },
  },
};
const HOLDS = "holds";

function drawTask(task, draft) {
  const { content } = task, form = FORMS[task.form];
  return [
    element("h2", {}, task.group),
    content.problem && element("p", { class: "notice" }, content.problem),
    given(content.question, "question"),
    content.choices && element("ol", { type: "A" }, content.choices.map((text) => element("li", {}, given(text)))),
    element("form", { id: "answer" },
      element("p", {}, form.asks),
      form.judges && drawSteps(content, draft),
      Object.entries(form.fields).map(([name, label]) => drawField(name, label, draft)),
      form.declines && element("details", { open: Boolean(draft.unusable) },
        element("summary", {}, "It can’t be answered"), drawField("unusable", "Why?", draft)),
      element("p", {}, element("button", {}, "Answer"), " ", element("button", { type: "button", id: "give-back" }, "Give it back"))),
  ].filter(Boolean);

  function drawSteps({ steps = [], answer }, draft) {
    const choice = (value, label, ...inside) => element("label", { class: "choice" },
      element("input", { type: "radio", name: "flaw", value, checked: draft.flaw === value }),
      element("span", { class: "number" }, label), inside);
    return element("fieldset", {}, element("legend", {}, "The student’s explanation"),
      choice(HOLDS, "holds", " No flaw, from the first step to the answer"),
      steps.map((step, i) => choice(String(i + 1), `step ${i + 1}`, given(step))),
      choice(String(steps.length + 1), "answer", answer == null ? "It gives no answer." : given(answer)));
  }

  function drawField(name, label, draft) {
    const field = element(name === "steps" ? "textarea" : "input", { name, rows: name === "steps" ? 3 : null });
    field.value = draft[name] ?? "";
    return element("label", { class: "field", "data-field": name }, label, field);
  }
}

// A draft in words, for whoever wrote it.
function draftInWords(draft) {
  return Object.entries(draft).map(([name, value]) => `${name}: ${value}`).join("\n");
}

// What has been written: a draft, which is what the fields hold that are not empty.
function writtenIn(form) {
  return Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
}

// Only what is left to be said is asked for.
function showFields(form, task) {
  const flawed = !FORMS[task.form].judges || ![undefined, HOLDS].includes(writtenIn(form).flaw);
  for (const name of Object.keys(FORMS[task.form].fields)) form.querySelector(`[data-field=${name}]`).hidden = !flawed;
}

// A draft as the reply that it makes. Raises an Error where nothing was chosen.
function replyIn(draft, task) {
  const { judges, fields } = FORMS[task.form];
  if (draft.unusable?.trim()) {
    if (draft.flaw) throw new Error("You have judged it, and said why it can’t be answered: clear one of the two.");
    return { unusable: draft.unusable.trim() };
  }
  if (judges && !draft.flaw) throw new Error("Say whether the explanation holds, or click its first flawed step.");
  if (draft.flaw === HOLDS) return { flaw: null };
  const said = {
    flaw: judges && Number(draft.flaw),
    why: draft.why ?? "",
    steps: (draft.steps ?? "").split("\n").map((step) => step.trim()).filter(Boolean),
    answer: draft.answer?.trim() || null,
  };
  return Object.fromEntries(Object.entries(said).filter(([name]) => name in fields || (judges && name === "flaw")));
}
