"""The teacher in this process: a Hugging Face model that costs no money, only this machine's time.

It answers one request at a time: in batches, the answer to one request would depend on which others were asked with
it, to the last bit of its figures, and a run could not be resumed to the same student. A model that is to be fast is
served (vLLM, `transformers serve`, llama.cpp) and asked as `kind: openai`.
"""

import asyncio
from functools import cached_property
from typing import Any, ClassVar, Literal

from pydantic import Field

from elad.budget import Usage
from elad.errors import InputError, reason_of
from elad.machine import best_device
from elad.teacher.messages import Request
from elad.teacher.teacher import Reply, Teacher, Traffic, dearest


class Local(Teacher):
    """A causal language model: a Hugging Face directory or a hub id.

    It is asked through its chat template (without one: the turns as lines), and its tokens are counted by its own
    tokenizer. `temperature`: 0 takes the likeliest token each time; else dice that follow from the request alone.
    `device`: `auto`, `cpu`, `cuda`, ... Its weights are loaded as they were saved, half precision included.
    """

    kind: Literal["local"] = "local"
    model: str
    temperature: float = Field(0.0, ge=0)
    device: str = "auto"

    stored: ClassVar[bool] = False  # another model may lie in the same folder tomorrow

    def ready(self) -> None:
        """Load it. Raises InputError where there is no such model."""
        assert self._loaded

    @property
    def traffic(self) -> Traffic:
        """A request at a time."""
        return Traffic(1)

    def identity(self) -> dict[str, Any]:
        """The model and its temperature, wherever it computes."""
        return {name: value for name, value in super().identity().items() if name != "device"}

    def bound(self, request: Request) -> Usage:
        """What it reads is counted, what it writes has a cap."""
        return dearest(len(self._tokens(request)), request)

    async def ask(self, request: Request) -> Reply:
        """Write a reply."""
        return await asyncio.to_thread(self._write, request)

    def _write(self, request: Request) -> Reply:
        import torch

        tokenizer, model = self._loaded
        asked = torch.tensor([self._tokens(request)], device=model.device)
        how: dict[str, Any] = {"do_sample": False}
        if self.temperature:
            how = {"do_sample": True, "temperature": self.temperature, "top_k": 0, "top_p": 1.0}
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(int(request.key(self.identity())[:15], 16))
            written = model.generate(
                asked,
                attention_mask=torch.ones_like(asked),
                max_new_tokens=request.max_output_tokens,
                pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id,
                **how,
            )[0, asked.shape[1] :]
        text = tokenizer.decode(written, skip_special_tokens=True)
        cut_off = len(written) >= request.max_output_tokens and int(written[-1]) not in _ends(model)
        cost = Usage(calls=1, input_tokens=asked.shape[1], output_tokens=len(written))
        return Reply(raw=text, usage=cost, outcome="truncated" if cut_off else "answered")

    def _tokens(self, request: Request) -> list[int]:
        tokenizer, _ = self._loaded
        turns = [message.model_dump() for message in request.messages]
        if tokenizer.chat_template:
            text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
            return list(tokenizer(text, add_special_tokens=False)["input_ids"])
        lines = "".join(f"{turn['role']}: {turn['content']}\n" for turn in turns)
        return list(tokenizer(f"{lines}assistant: ")["input_ids"])

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(self.model)
            model = AutoModelForCausalLM.from_pretrained(self.model, dtype="auto")
            return tokenizer, model.to(best_device() if self.device == "auto" else self.device).eval()
        except Exception as error:  # a damaged file can raise anything
            raise InputError(
                f"teacher.model: {self.model!r} can't be loaded as a language model ({reason_of(error)}). Expected: a "
                "Hugging Face model directory, or a hub id."
            ) from error


def _ends(model: Any) -> set[int]:
    ends = model.generation_config.eos_token_id
    return set(ends) if isinstance(ends, list) else {ends}
