"""How a student is asked: plainly, or as a turn of its tokenizer's chat template."""

from functools import cached_property
from typing import Any

from elad.errors import InputError
from elad.layout import Layout
from elad.records import Question
from elad.text import digest


class Prompts:
    """What a student reads, by its layout. Raises InputError where it is to chat and there is no chat template."""

    def __init__(self, tokenizer: Any, layout: Layout) -> None:
        tokenizer.chat_template = layout.template or tokenizer.chat_template
        self._layout = layout
        self.chats: bool = bool(tokenizer.chat_template) if layout.chat == "auto" else layout.chat
        self._tokenizer = tokenizer
        if self.chats and not tokenizer.chat_template:
            raise InputError("student.layout.chat: the student's tokenizer has no chat template; leave it at `auto`")

    def of(self, question: Question) -> str:
        """What is read of a question, up to where its explanation begins."""
        return self._templated(question) if self.chats else self._layout.asked(question)

    @cached_property
    def alone(self) -> str:
        """The same without the question."""
        return self._templated(None) if self.chats else self._layout.alone()

    def ids(self, prompt: str) -> list[int]:
        """The tokens of a prompt; a chat template has its own beginning."""
        return list(self._tokenizer(prompt, add_special_tokens=not self.chats)["input_ids"])

    @property
    def digest(self) -> str | None:
        """A name for the chat template that is used; None where there is none."""
        return digest(str(self._tokenizer.chat_template)) if self.chats else None

    def _templated(self, question: Question | None) -> str:
        turns = self._layout.turns(question)
        try:
            return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        except Exception as error:  # a template may refuse a turn, in words of its own
            raise InputError(f"student.layout: the student's chat template can't be used ({error})") from error
