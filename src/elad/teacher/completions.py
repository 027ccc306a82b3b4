"""What an OpenAI-compatible endpoint answers: a body of JSON, read without trust.

{"model": "gpt-5-mini-2025-08-07",
 "choices": [{"message": {"content": "{\\"flaw\\": null}", "refusal": null}, "finish_reason": "stop"}],
 "usage": {"prompt_tokens": 311, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 256}}}
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from elad.budget import Usage
from elad.teacher.teacher import Said
from elad.text import whole

_VERSION = r"|[-:](\d{3,}.*|latest)|@.+|\.gguf"
"""What one name of a model has behind another: nothing, a date, a version or a branch."""

Completion = Mapping[str, Any]
"""A body that was found to hold a choice with a message, or else an error."""


def completion(body: str) -> Completion | None:
    """What is in a body; None where it holds no choice with a message."""
    try:
        content: dict[str, Any] = json.loads(body)
        _text(content["choices"][0]["message"].get("content"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return content


def said(content: Completion) -> Said:
    """What a completion says, or why an endpoint declined."""
    if "choices" not in content:
        return Said("", "refused", str(content["error"]["message"]))
    choice = content["choices"][0]
    message, ended = choice["message"], choice.get("finish_reason")
    text = _text(message.get("content"))
    if ended == "content_filter":
        return Said("", "refused", "the endpoint's content filter ended the reply")
    if not text.strip():
        return Said("", "refused", whole(message.get("refusal") or f"the reply is empty (it ended by {ended})"))
    if ended == "length":
        return Said(text, "truncated", "the reply was cut off where the cap on its tokens falls: be shorter")
    return Said(text)


def usage(content: Completion) -> Usage | None:
    """What a completion cost, by class; None where that is not told, or makes no sense."""
    try:
        told = content["usage"]
        read, wrote = told.get("prompt_tokens_details") or {}, told.get("completion_tokens_details") or {}
        asked = _count(told["prompt_tokens"])
        if not asked:
            return None  # nothing is asked in no tokens
        # some tell thoughts beside what was said, and the sum of both in the total alone
        answered = max(_count(told["completion_tokens"]), _count(told.get("total_tokens") or 0) - asked)
        cached = min(_count(read.get("cached_tokens") or 0), asked)
        written = _count(read.get("cache_write_tokens") or told.get("cache_creation_input_tokens") or 0)
        return Usage(
            calls=1,
            input_tokens=asked,
            output_tokens=answered,
            cached_tokens=cached,
            written_tokens=min(written, asked - cached),
            reasoning_tokens=min(_count(wrote.get("reasoning_tokens") or 0), answered),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def model(content: Completion) -> str | None:
    """The model that a completion says it is of."""
    told = content.get("model")
    return told if isinstance(told, str) and told else None


def same_model(asked: str, told: str) -> bool:
    """Whether two names are of one model: `gpt-5-mini`, `openai/gpt-5-mini` and `gpt-5-mini-2025-08-07` are."""
    one, other = sorted((re.split(r"[/\\]", name.rstrip("/\\"))[-1].casefold() for name in (asked, told)), key=len)
    return other.startswith(one) and re.fullmatch(_VERSION, other[len(one) :]) is not None


def error_body(why: str) -> str:
    """What is kept where an endpoint declined a request."""
    return json.dumps({"error": {"message": why}}, ensure_ascii=False)


def told(body: str) -> str:
    """What an endpoint says of an error, briefly."""
    try:
        error = json.loads(body)["error"]
        return whole(error["message"] if isinstance(error, dict) else error)[:200]
    except (ValueError, LookupError, TypeError, RecursionError):
        return body[:200]


def _count(told: Any) -> int:
    """A count of tokens. Raises ValueError where it is none."""
    if not isinstance(told, int) or isinstance(told, bool) or told < 0:
        raise ValueError("no count")
    return told


def _text(content: Any) -> str:
    """What a message says, whole or in parts. Raises TypeError where it is neither."""
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content)
    if not isinstance(content, str | None):
        raise TypeError("no text")
    return whole(content or "")
