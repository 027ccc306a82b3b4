"""How a question is put to a student, and how its explanation is written and found again.

Question: Mia has 12 coins. Mia finds 5 coins. How many coins does Mia have?      <- prompt
Steps:
12 + 5 = 17.                                                                      <- explanation
Answer: 17
"""

import json
import re
from contextlib import suppress
from functools import lru_cache
from typing import Literal, Self

from pydantic import Field, model_validator

from elad.records import Explanation, Question, Record

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What choices are called by."""


class Layout(Record):
    r"""How a question is put to a student, and how its explanation is written: steps line by line, then the answer.

    `prompt`: what the student reads; `{question}` becomes the question, its choices on lines of their own. `chat`: put
    it as the user's turn of the tokenizer's chat template (`auto`: where it has one), behind `system` as the system's.
    `template`: a chat template in Jinja, in place of the tokenizer's.
    `answer`: the last line; `{answer}` becomes the answer, as in `Answer: {answer}`, `#### {answer}`,
    `\boxed{{answer}}` or `{"answer": "{answer}"}`. A mark that begins with no letter may stand anywhere in its line;
    the answer goes to the end of the line, or to the brace that closes it.
    """

    prompt: str | None = Field(None, pattern=r"\{question\}")
    chat: Literal["auto"] | bool = "auto"
    system: str | None = None
    template: str | None = None
    answer: str = Field("Answer: {answer}", pattern=r"\S.*\{answer\}")

    def asked(self, question: Question, *, chat: bool = False) -> str:
        """What the student reads: a text to go on with, or with `chat` the user's turn."""
        options = "".join(f"\n{letter}) {choice}" for letter, choice in zip(LETTERS, question.choices, strict=False))
        return self._prompt(chat).replace("{question}", question.text + options)

    def turns(self, question: Question | None) -> list[dict[str, str]]:
        """The conversation in which a student is asked; None: without a question."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        asked = self.asked(question, chat=True) if question else self.alone(chat=True)
        return [*system, {"role": "user", "content": asked}]

    def alone(self, *, chat: bool = False) -> str:
        """The same without a question: what stands behind it."""
        return "" if chat else self._prompt(chat).partition("{question}")[2].lstrip("\n")

    def written(self, explanation: Explanation) -> str:
        """An explanation as the student should write it."""
        lines = [" ".join(step.split()) for step in explanation.steps]
        if explanation.answer is not None:
            lines.append(self.answer.replace("{answer}", " ".join(explanation.answer.split())))
        return "\n".join(lines) + "\n"

    def read(self, text: str) -> Explanation:
        """The explanation that a text holds: undoes `written`. Blank lines, and all after the answer, are dropped."""
        steps: list[str] = []
        for line in map(str.strip, text.split("\n")):
            if (behind := self.behind_mark(line)) is not None:
                return Explanation(steps=tuple(steps), answer=self._answer(line, behind) or None)
            if line:
                steps.append(line)
        return Explanation(steps=tuple(steps), answer=None)

    def behind_mark(self, line: str) -> int | None:
        """Where in a line the answer begins; None where the line is not the answer's."""
        if self._key:
            found = re.search(rf'"\s*{re.escape(self._key)}\s*"\s*:\s*"?', line)
            return found.end() if found else None
        mark = self._mark
        found = _loosely(mark).search(line)
        if found is None or (mark[0].isalpha() and line[: found.start()].strip()):
            return None
        return found.end()

    def _answer(self, line: str, behind: int) -> str:
        """What a line answers, without what closes it."""
        said, close = line[behind:].strip(), self.answer.partition("{answer}")[2].strip()
        if self._key:
            return _value(line, self._key) or said
        if self._mark.endswith("{") and close.startswith("}"):
            return _within_braces(said)
        return re.sub(rf"\s*{_loosely(close).pattern}\s*$", "", said) if close else said

    @property
    def _mark(self) -> str:
        return self.answer.partition("{answer}")[0].strip()

    @property
    def _key(self) -> str | None:
        """The field that holds the answer, where the answer's line is JSON."""
        return _key_of(self.answer)

    @model_validator(mode="after")
    def _mark_is_plain_to_see(self) -> Self:
        if len(self._mark) < 2:
            raise ValueError(f"answer: {self._mark!r} could begin any line; put more before {{answer}}")
        return self

    @model_validator(mode="after")
    def _template_is_for_a_chat(self) -> Self:
        if self.template and self.chat is False:
            raise ValueError("template: it is for students that chat; leave it or `chat: false` out")
        return self

    def _prompt(self, chat: bool) -> str:
        if self.prompt is not None:
            return self.prompt
        if not chat:
            return "Question: {question}\nSteps:\n"
        line = self.answer.replace("{answer}", "...")
        return f"{{question}}\n\nThink step by step, one short step a line. Then write a last line: {line}"


@lru_cache
def _key_of(answer: str) -> str | None:
    try:
        fields = json.loads(answer)
    except ValueError:
        return None
    named = fields.items() if isinstance(fields, dict) else ()
    return next((name for name, value in named if value == "{answer}"), None)


def _value(line: str, key: str) -> str | None:
    """The value of a field of the first JSON object in a line that has it; None where there is none."""
    for start in (i for i, character in enumerate(line) if character == "{"):
        with suppress(ValueError):
            fields, _ = json.JSONDecoder().raw_decode(line, start)
            values = {name.strip(): value for name, value in fields.items()}
            if key in values:
                value = values[key]
                return value.strip() if isinstance(value, str) else json.dumps(value)
    return None


def _within_braces(said: str) -> str:
    """A text up to where the brace that was opened before it is closed."""
    depth = 1
    for place, character in enumerate(said):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return said[:place].strip()
    return said


@lru_cache
def _loosely(mark: str) -> re.Pattern[str]:
    """A mark with any white space between its characters: some tokenizers set it there."""
    return re.compile(r"\s*".join(re.escape(character) for character in mark if not character.isspace()))


PLAIN = Layout(chat=False)
"""The layout that is taken where no other is named."""
