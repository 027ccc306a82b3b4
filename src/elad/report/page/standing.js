"use strict";
// How the queue stands: what is answered and by whom, what can be handed in, and a person's answers to take back.

function drawStanding({ groups, mine }, group) {
  const open = Object.entries(groups).filter(([name, counts]) => (!group || name === group) && counts.handed_in < counts.wanted);
  const standing = open.map(([name, counts]) => drawGroup(name, counts));
  document.getElementById("standing").replaceChildren(...(standing.length ? standing : [element("p", {}, "Nothing waits for an answer.")]));
  document.getElementById("mine").replaceChildren(...mine.map(({ key, group, question }) => element("li", {},
    element("button", { "data-undo": key, "aria-label": `Take back: ${question}` }, "take back"),
    ` ${group}: `, element("span", { dir: "auto" }, question))));
}

function drawGroup(name, { answered, wanted, held, people, complete }) {
  const by = Object.entries(people).map(([person, count]) => `${person} ${count}`).join(", ");
  return element("div", {},
    element("p", {}, element("strong", {}, name), `: ${answered} of ${wanted} answered`, by && ` (${by})`, held > 0 && `, ${held} being written`),
    complete && element("p", {}, element("button", { "data-hand-in": name }, `Hand in ${name}`), " The student learns from it then."));
}
