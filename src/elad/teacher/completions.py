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
        return Said("", "refused", _whole(message.get("refusal") or f"the reply is empty (it ended by {ended})"))
    if ended == "length":
        return Said(text, "truncated", "the reply was cut off where the cap on its tokens falls: be shorter")
    return Said(text)


def usage(content: Completion) -> Usage | None:
    """What a completion cost, by class; None where that is not told, or makes no sense."""
    try:
        told = content["usage"]
        read, wrote = told.get("prompt_tokens_details") or {}, told.get("completion_tokens_details") or {}
        asked, answered = told["prompt_tokens"], told["completion_tokens"]
        cached = min(read.get("cached_tokens") or 0, asked)
        written = min(read.get("cache_write_tokens") or told.get("cache_creation_input_tokens") or 0, asked - cached)
        return Usage(
            calls=1,
            input_tokens=asked,
            output_tokens=answered,
            cached_tokens=cached,
            written_tokens=written,
            reasoning_tokens=min(wrote.get("reasoning_tokens") or 0, answered),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def model(content: Completion) -> str | None:
    """The model that a completion says it is of."""
    told = content.get("model")
    return told if isinstance(told, str) and told else None


def same_model(asked: str, told: str) -> bool:
    """Whether two names are of one model: `gpt-5-mini`, `openai/gpt-5-mini` and `gpt-5-mini-2025-08-07` are."""
    one, other = (re.split(r"[/\\]", name.rstrip("/\\"))[-1].casefold() for name in (asked, told))
    return one.startswith(other) or other.startswith(one)


def error_body(why: str) -> str:
    """What is kept where an endpoint declined a request."""
    return json.dumps({"error": {"message": why}}, ensure_ascii=False)


def told(body: str) -> str:
    """What an endpoint says of an error, briefly."""
    try:
        error = json.loads(body)["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:200]
    except (ValueError, LookupError, TypeError, RecursionError):
        return body[:200]


def _text(content: Any) -> str:
    """What a message says, whole or in parts. Raises TypeError where it is neither."""
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content)
    if not isinstance(content, str | None):
        raise TypeError("no text")
    return _whole(content or "")


def _whole(text: Any) -> str:
    """Text without halves of characters."""
    return str(text).encode("utf-8", "replace").decode()
