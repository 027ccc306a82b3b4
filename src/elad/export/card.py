"""The model card: what the student is, what it was made of and at what cost, and how far to trust it."""

import json
import re
from pathlib import Path
from typing import Any

from elad.ledger import Ledger
from elad.recipe import Recipe
from elad.records import Question
from elad.report import domains, grid, said, shares, summary, table

_EXAMPLE = Question(id="example", text="How many wheels have three cars?")


def card(ledger: Ledger, recipe: Recipe, *, chats: bool, adapter: bool) -> str:
    """The README.md of an exported student, from its run's ledger."""
    told = summary(ledger)
    made_with = json.loads(ledger.fact("made with") or "{}")
    versions = ", ".join(f"{name} {version}" for name, version in made_with.get("versions", {}).items())
    return "\n".join(
        [
            _front_matter(recipe, adapter),
            f"# {recipe.name}",
            "",
            f"`{recipe.student.model}`, taught to explain step by step by {_teacher(recipe)}, with "
            "[ELAD](https://arxiv.org/abs/2402.13098): it was asked where its own steps were shaky, and learnt from "
            "explanations that were repaired from their first flawed step on.",
            "",
            "## Use",
            "",
            "```python",
            _usage(recipe, chats, adapter),
            "```",
            "",
            "## How it came about",
            "",
            f"- spent: {said(told['spent'])}, of a budget of {said(told['budget'])}",
            f"- stopped: {told['stopped'] or 'not yet; this is the student of its last finished round'}",
            f"- questions: {_source(recipe.pool)}; {_states(told)}",
            f"- held out: {_source(recipe.held_out)}",
            "",
            *grid(*table(told)),
            "",
            "## How far to trust it",
            "",
            _agreement(told),
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
            "`annotations/` holds what the teacher said, in TRL's formats.",
            "",
        ]
    )


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
    return f"{recipe.teacher.name} (`{recipe.teacher.kind}`)" if recipe.teacher.name else f"`{recipe.teacher.kind}`"


def _usage(recipe: Recipe, chats: bool, adapter: bool) -> str:
    layout = recipe.student.layout
    asked = layout.asked(_EXAMPLE, chat=chats)
    lines = ["from transformers import AutoTokenizer", ""]
    if adapter:
        lines = [
            "from peft import AutoPeftModelForCausalLM",
            *lines,
            'model = AutoPeftModelForCausalLM.from_pretrained(".")',
        ]
    else:
        lines = [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            'model = AutoModelForCausalLM.from_pretrained(".")',
        ]
    lines += ['tokenizer = AutoTokenizer.from_pretrained(".")']
    if chats:
        turns: list[dict[str, str]] = [{"role": "system", "content": layout.system}] if layout.system else []
        turns.append({"role": "user", "content": asked})
        lines += [
            f"turns = {json.dumps(turns, ensure_ascii=False)}",
            'ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")["input_ids"]',
        ]
    else:
        lines += [f'ids = tokenizer({json.dumps(asked, ensure_ascii=False)}, return_tensors="pt")["input_ids"]']
    return "\n".join(
        [
            *lines,
            f"said = model.generate(input_ids=ids, max_new_tokens={recipe.student.max_tokens})",
            "print(tokenizer.decode(said[0, ids.shape[1] :], skip_special_tokens=True))",
        ]
    )


def _source(source: Any) -> str:
    path = getattr(source, "path", None)
    return f"`{path}`" if path else f"the built-in `{source.kind}` world"


def _states(told: dict[str, Any]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(told["questions"].items()))


def _agreement(told: dict[str, Any]) -> str:
    audited = [round for round in told["rounds"] if round["agreement"]["total"]]
    if not audited:
        return "No round was audited, so nothing is known of how often its teacher agrees with it."
    last = audited[-1]
    return (
        f"In round {last['round']} its teacher found no flaw in {shares(last['agreement'])} (exact 95% interval) of "
        f"{last['agreement']['total']} explanations that were drawn at random from the pool, before that round's "
        "training."
    )
