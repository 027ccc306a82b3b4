"""Steps and answers as text: how an explanation is written, and found again.

Question: Mia has 12 coins. Mia finds 5 coins. How many coins does Mia have?      <- prompt
Steps:
12 + 5 = 17.                                                                      <- explanation
Answer: 17
"""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from pydantic import Field

from elad.records import Explanation, Question, Record

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What choices are called by."""

_PIECE = re.compile(r"[^\W\d_]+|\d{1,3}|(?:[^\w\s]|_)+")


class Layout(Record):
    r"""How a question is put to a student, and how its explanation is written: steps line by line, then the answer.

    `prompt`: what the student reads; `{question}` becomes the question, its choices on lines of their own. `chat`: put
    it as the user's turn of the tokenizer's chat template (`auto`: where it has one), behind `system` as the system's.
    `template`: a chat template in Jinja, in place of the tokenizer's.
    `answer`: the last line; `{answer}` becomes the answer, as in `Answer: {answer}`, `#### {answer}`,
    `\boxed{{answer}}` or `{"answer": "{answer}"}`. A mark that begins with no letter may stand anywhere in its line.
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
                return Explanation(steps=tuple(steps), answer=self._closed(line[behind:]) or None)
            if line:
                steps.append(line)
        return Explanation(steps=tuple(steps), answer=None)

    def behind_mark(self, line: str) -> int | None:
        """Where in a line the answer begins; None where the line is not the answer's."""
        mark = self.answer.partition("{answer}")[0].strip()
        found = _loosely(mark).search(line)
        if found is None or (mark[0].isalpha() and line[: found.start()].strip()):
            return None
        return found.end()

    def _closed(self, answer: str) -> str:
        """An answer without what closes its line."""
        close = self.answer.partition("{answer}")[2].strip()
        ends = list(_loosely(close).finditer(answer)) if close else []
        return (answer[: ends[-1].start()] if ends else answer).strip()

    def _prompt(self, chat: bool) -> str:
        if self.prompt is not None:
            return self.prompt
        if not chat:
            return "Question: {question}\nSteps:\n"
        line = self.answer.replace("{answer}", "...")
        return f"{{question}}\n\nThink step by step, one short step a line. Then write a last line: {line}"


@lru_cache
def _loosely(mark: str) -> re.Pattern[str]:
    """A mark with any white space between its characters: some tokenizers set it there."""
    return re.compile(r"\s*".join(re.escape(character) for character in mark if not character.isspace()))


PLAIN = Layout(chat=False)
"""The layout that is taken where no other is named."""


def same_steps(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two explanations have the same steps, word for word; case and white space do not count."""
    return list(map(canonical_step, one)) == list(map(canonical_step, other))


def canonical_step(step: str) -> str:
    """One spelling for all spellings of a step."""
    return " ".join(step.split()).casefold()


def count_tokens(text: str) -> int:
    """How many tokens a text is taken for where no tokenizer is known: words, up to three digits, runs of marks.

    Our own yardstick for the teachers that run in this process, so that their answers cost something too. It cuts
    where the tokenizers of large models cut first; they go on to split rare words.
    """
    return len(_PIECE.findall(text))


def first_tokens(text: str, most: int) -> str:
    """A text cut off behind its first `most` tokens, as `count_tokens` counts them."""
    for number, piece in enumerate(_PIECE.finditer(text), start=1):
        if number > most:
            return text[: piece.start()]
    return text


def digest(text: str) -> str:
    """A name for a content: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def question_digest(question: Question) -> str:
    """The same for two questions that a reader would call one: case, space and a sentence's marks do not count."""
    return digest("\n".join(map(_bare, (question.text, *question.choices))))


def _bare(text: str) -> str:
    """A text without what separates its words; marks that carry meaning, as in `3! + 2` or `p ∧ q`, stay."""
    words = (word.strip("\"'").rstrip(".,;:?\"'") for word in text.casefold().split())
    return " ".join(filter(None, words))
