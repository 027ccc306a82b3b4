"use strict";
// One explanation: the student's steps by their doubt, the verdict, the repair beside them, and what became of it.

const LEVELS = [0.5, 0.75, 0.9, 0.97]; // from which share of all steps here on a step is shaded, and how much more

function levelsOf(items) {
  const entropies = items.flatMap((item) => item.student.doubts.map((doubt) => doubt[0])).filter(Number.isFinite);
  entropies.sort((a, b) => a - b);
  return LEVELS.map((share) => entropies[Math.floor(share * entropies.length)] ?? Infinity);
}

function linkTo(item) {
  return `#explanation/${item.round}/${encodeURIComponent(item.id)}`;
}

function doubtOf(item) {
  return item.doubt == null ? "no answer: as doubtful as can be" : `doubt ${item.doubt}`;
}

function drawRow(item) {
  const marks = { accepted: "✓", repaired: "✎", "the answers agree": "=", "the answers differ": "≠", unusable: "✕" };
  const told = [`round ${item.round}`, `${marks[item.verdict]} ${item.verdict}${item.place && ` at ${item.place}`}`, doubtOf(item)];
  return [element("span", { dir: "auto" }, item.question.slice(0, 200)), element("small", {}, told.join(" · "))];
}

function drawItem(item, levels) {
  const tags = [
    `round ${item.round}`, item.state, item.verdict, item.domain, item.audit && "audit", !item.kept && "not kept",
    doubtOf(item), item.score != null && `selection score ${item.score}`,
    `${item.tokens.toLocaleString("en")} tokens, ${item.output_tokens.toLocaleString("en")} of output`,
    item.money != null && `cost ${item.money}`,
  ];
  return [
    element("h3", {}, element("a", { href: linkTo(item) }, item.id)),
    given(item.question),
    item.choices.length > 0 && element("ol", { type: "A" }, item.choices.map((choice) => element("li", {}, given(choice)))),
    element("ul", { class: "tags", "aria-label": "About it" }, tags.filter(Boolean).map((tag) => element("li", {}, tag))),
    !item.kept && element("p", { class: "notice" }, `Not trained on: ${item.left_out || "left out"}`),
    item.state === "unusable" && element("p", { class: "notice" }, `Unusable: ${item.why}`),
    drawSteps(item, levels),
    item.target?.more.length > 0 && drawBeside("Learnt beside it, the teacher’s too", item.target.more),
    item.target?.also.length > 0 && drawBeside("Learnt beside it, at no price", item.target.also),
    item.target?.contrast && drawContrast(item.target.contrast),
    item.fate.length > 0 && drawFate(item),
  ].filter(Boolean);
}

function drawSteps(item, levels) {
  const { student, target } = item;
  const last = Math.max(student.steps.length, target?.steps.length ?? 0);
  const rows = [];
  for (let i = 0; i <= last; i++) {
    const answers = i === last;
    const said = answers ? student.answer : student.steps[i], doubt = answers ? student.answer_doubt : student.doubts[i];
    const repaired = answers ? target?.answer : target?.steps[i];
    const author = repaired == null ? "" : answers ? answerAuthor(item) : target.authors[i];
    if (item.flaw === i) rows.push(verdictRow(item));
    rows.push(element("tr", {},
      element("th", { class: "number", scope: "row" }, answers ? "answer" : `step ${i + 1}`),
      studentCell(said, doubt, levels),
      element("td", {}, repairedText(said, repaired, item, author)),
      element("td", { class: "author" }, author)));
  }
  const head = ["", "the student’s, by its doubt", target ? "what it learns" : "", target ? "written by" : ""];
  return element("table", { class: "steps" },
    element("caption", {}, item.flaw === null && item.of === "steps"
      ? "The teacher found no flaw." : "Step by step, the student’s explanation beside the one that it learns."),
    element("thead", {}, element("tr", {}, head.map((text, i) =>
      element("th", { scope: "col", class: i === 0 ? "number" : i === 3 ? "author" : null }, text || " ")))),
    element("tbody", {}, rows));
}

function verdictRow(item) {
  const found = item.target?.contrast ? "With its document at hand the student answers otherwise" : item.of === "answer" ? "The teacher wrote its own, and the answers differ" : `First flaw: ${item.place}`;
  return element("tr", { class: "verdict" }, element("td", { colspan: 4 }, "✗ ", found, item.why && given(item.why)));
}

function studentCell(said, doubt, levels) {
  if (said == null) return element("td", {}, element("small", {}, "—"));
  const level = doubt ? levels.filter((from) => doubt[0] >= from).length : 0;
  const cell = element("td", { class: `doubted doubt-${level}` }, given(said));
  if (doubt) {
    const [entropy, peak, margin, logprob, tokens] = doubt;
    const figures = `entropy ${entropy} nats, peak ${peak}, margin ${margin}, log-probability ${logprob}, ${tokens} tokens`;
    cell.append(element("span", { class: "in-figures" }, figures));
    if (level) cell.append(element("small", { class: "in-figures" }, `doubt level ${level} of ${LEVELS.length}`));
  }
  return cell;
}

function repairedText(said, repaired, item, author) {
  if (repaired == null) return said == null || !item.target ? "" : element("small", {}, "dropped");
  if (said == null || item.of === "answer") return given(repaired);
  if (author === "student") return element("small", {}, "as the student wrote it");
  const marks = { same: "span", gone: "del", new: "ins" };
  const words = difference(said, repaired).map(([kind, text]) => element(marks[kind], {}, text));
  return element("div", { class: "given", dir: "auto" }, words);
}

function answerAuthor(item) {
  if (item.target.contrast) return "student";
  return item.flaw === null && item.of === "steps" ? "student" : "teacher";
}

function drawContrast(contrast) {
  const { wavers, unknown } = contrast;
  const without = unknown == null ? "" : `, and ${unknown} of what it says without the document`;
  return element("div", {}, drawBeside("What it says against that", [contrast]),
    element("p", {}, `Of what it says when asked again, ${wavers} contradicts what it is to learn${without}.`));
}

function drawBeside(title, explanations) {
  const rows = explanations.map((said) => element("tr", {},
    element("td", {}, said.steps.map((step) => given(step))), element("td", {}, given(said.answer ?? "no answer"))));
  return element("div", {}, element("h3", {}, title), element("table", {},
    element("thead", {}, element("tr", {}, ["steps", "answer"].map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, rows)));
}

function drawFate(item) {
  const rows = item.fate.map((told) => element("tr", {},
    element("th", { scope: "row" }, `round ${told.round}, ${told.said}`),
    element("td", {}, given(told.answer ?? "no answer")),
    element("td", {}, told.steps.map((step) => given(step)))));
  return element("div", {}, element("h3", {}, "The same question in other rounds"), element("table", {},
    element("thead", {}, element("tr", {}, ["when", "answer", "steps"].map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, rows)));
}
