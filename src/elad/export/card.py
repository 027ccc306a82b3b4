"""The model card: what the student is, what it was made of and at what cost, and how far to trust it."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from elad.ledger import Ledger
from elad.recipe import Recipe
from elad.records import Question
from elad.report import domains, grid, said, shares, states, summary, table
from elad.report.certificate import certified, whose


class Written(NamedTuple):
    """What was written: through a chat template or not, an adapter or whole weights, with an encoder or without."""

    chats: bool
    adapter: bool
    seq2seq: bool


_EXAMPLE = Question(id="example", text="How many wheels have three cars?")


def card(ledger: Ledger, recipe: Recipe, student: Written) -> str:
    """The README.md of an exported student, from its run's ledger."""
    told = summary(ledger)
    made_with = json.loads(ledger.fact("made with") or "{}")
    versions = ", ".join(f"{name} {version}" for name, version in made_with.get("versions", {}).items())
    return "\n".join(
        [
            _front_matter(recipe, student.adapter),
            f"# {recipe.name}",
            "",
            f"`{recipe.student.model}`, taught to explain step by step by {_teacher(recipe)}, with "
            "[ELAD](https://arxiv.org/abs/2402.13098): questions were chosen by "
            f"`{recipe.select.kind}`, and annotated by `{recipe.annotate.kind}`.{_mentor(told)}"
            f"{_beside(recipe, student)}",
            "",
            "## Use",
            "",
            "```python",
            _usage(recipe, student),
            "```",
            "",
            "## How it came about",
            "",
            f"- spent: {said(told['spent'])}, of a budget of {said(told['budget'])}{_exam(told)}",
            f"- stopped: {told['stopped'] or 'not yet; this is the student of its last finished round'}",
            f"- questions: {_source(recipe.pool)}; {states(told)}",
            f"- held out: {_source(recipe.held_out)}",
            "",
            *grid(*table(told)),
            "",
            "## How far to trust it",
            "",
            _agreement(told, recipe),
            *_certified(told),
            "",
            "Held-out answers before the first round and after the last; `same steps` are explanations that are the "
            "held-out file's own, step by step:",
            "",
            *grid(*domains(told)),
            "",
            "These figures are of questions like those above, and of no others. The intervals are of chance in which "
            "questions were asked; they know nothing of a teacher that is wrong, or of data that differ. An "
            "explanation may be wrong where its answer is right. What a teacher writes may come with terms of use "
            "that bind what is trained on it.",
            "",
            "## Make it again",
            "",
            f"With {versions}: `elad run recipe.yaml`, where recipe.yaml is",
            "",
            "```yaml",
            recipe.as_yaml().strip(),
            "```",
            "",
            "`annotations/` holds what the teacher said, and what was learnt beside it, in TRL's formats"
            f"{_left_out(told)}.",
            "",
        ]
    )


def _left_out(told: dict[str, Any]) -> str:
    chosen = any("kept" in round for round in told["rounds"])
    return "; what was not trained on is in `left_out.jsonl`, with the reason" if chosen else ""


def _mentor(told: dict[str, Any]) -> str:
    if not told["mentor"]:
        return ""
    new = sum(round["mentored"]["new"] for round in told["rounds"] if round["mentored"])
    return f" A mentor, `{told['mentor']}`, was taught these and wrote {new:,} more."


def _beside(recipe: Recipe, student: Written) -> str:
    if not student.adapter:
        return ""
    return f" These are low-rank updates alone: they need `{recipe.student.model}` to stand beside."


def _front_matter(recipe: Recipe, adapter: bool) -> str:
    from huggingface_hub import ModelCardData

    model = recipe.student.model
    on_the_hub = re.fullmatch(r"[\w.-]+/[\w.-]+", model) and not Path(model).exists()
    data = ModelCardData(
        base_model=model if on_the_hub else None,
        library_name="peft" if adapter else "transformers",
        tags=["elad", "distillation", "reasoning"],
    )
    return f"---\n{data.to_yaml()}\n---\n"


def _teacher(recipe: Recipe) -> str:
    if not recipe.teacher.can_answer:
        return "itself"
    return f"{recipe.teacher.name} (`{recipe.teacher.kind}`)" if recipe.teacher.name else f"`{recipe.teacher.kind}`"


def _usage(recipe: Recipe, student: Written) -> str:
    layout = recipe.student.layout
    kind = "Seq2SeqLM" if student.seq2seq else "CausalLM"
    loader = f"AutoPeftModelFor{kind}" if student.adapter else f"AutoModelFor{kind}"
    imports = [f"from transformers import {loader}, AutoTokenizer"]
    if student.adapter:
        imports = [f"from peft import {loader}", "from transformers import AutoTokenizer"]
    lines = [
        *imports,
        "",
        f'model = {loader}.from_pretrained(".")',
        'tokenizer = AutoTokenizer.from_pretrained(".")',
    ]
    if student.chats:
        turns = json.dumps(layout.turns(_EXAMPLE), ensure_ascii=False)
        lines += [
            f"turns = {turns}",
            'ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")["input_ids"]',
        ]
    else:
        asked = json.dumps(layout.asked(_EXAMPLE), ensure_ascii=False)
        lines += [f'ids = tokenizer({asked}, return_tensors="pt")["input_ids"]']
    greedily = "do_sample=False, num_beams=1, repetition_penalty=1.0" if student.adapter else ""
    how = ", ".join(filter(None, [f"max_new_tokens={recipe.student.max_tokens}", greedily]))
    reply = "said[0]" if student.seq2seq else "said[0, ids.shape[1] :]"
    lines += [
        f"said = model.generate(input_ids=ids, {how})",
        f"print(tokenizer.decode({reply}, skip_special_tokens=True))",
    ]
    return "\n".join(lines)


def _source(source: Any) -> str:
    path = getattr(source, "path", None)
    return f"`{path}`" if path else f"the built-in `{source.kind}` world"


def _agreement(told: dict[str, Any], recipe: Recipe) -> str:
    audited = [round for round in told["rounds"] if round["agreement"]["total"]]
    if not audited:
        return "No round was audited, so nothing is known of how often its teacher agrees with it."
    last = audited[-1]
    if not recipe.teacher.can_answer:
        return "It taught itself: nobody was asked whether its explanations hold."
    return (
        f"In round {last['round']} its teacher found no flaw in {shares(last['agreement'])} (exact 95% interval) of "
        f"{last['agreement']['total']} explanations that were drawn at random from the pool, before that round's "
        "training."
    )


def _exam(told: dict[str, Any]) -> str:
    exam = told["of_this"].get("exam")
    return f"; of this {said(exam)} for its exam" if exam else ""


def _certified(told: dict[str, Any]) -> list[str]:
    found = told["certificate"]
    if not found:
        return []
    share, answers = certified(found), certified(found, "answers")
    return [
        "",
        f"In an exam of {found['audits']} audits its teacher's word certified, with {100 * found['confidence']:.4g}% "
        f"confidence each, that {share}, and that {answers}: of {whose(found)}.",
    ]
