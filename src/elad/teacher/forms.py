"""In which form an endpoint is asked: how JSON is asked for, and what the cap on a reply is called.

What a recipe leaves at `auto` begins with the strictest form; where the endpoint refuses one, which costs nothing, the
next is asked in from then on.
"""

import re
from collections.abc import Mapping

from elad.teacher.http import Heard

_FIRST = {"reply": "json_schema", "limit": "max_completion_tokens"}

_NEXT = {
    "reply": {"json_schema": "json_object", "json_object": "text"},
    "limit": {"max_completion_tokens": "max_tokens"},
}

_SAYS = {
    "reply": re.compile("response_format|json_(schema|object)"),
    "limit": re.compile("max_(completion_)?tokens"),
}
"""How an endpoint says that it is this form that it refuses."""


class Forms:
    """The forms that are declared (`auto`, or one that stays), and those that were learnt."""

    def __init__(self, **declared: str) -> None:
        self._declared = declared
        self.learnt: dict[str, str] = {}

    @property
    def now(self) -> dict[str, str]:
        """The forms in which it is asked now."""
        return {
            name: self.learnt.get(name, _FIRST[name]) if how == "auto" else how for name, how in self._declared.items()
        }

    def another(self, heard: Heard, asked: Mapping[str, str]) -> bool:
        """Whether one of the forms that it was asked in was refused, and there is another; that is asked in then."""
        if heard.status not in (400, 404, 415, 422):
            return False
        for name, form in asked.items():
            following = _NEXT[name].get(form) if self._declared[name] == "auto" else None
            if following and _SAYS[name].search(heard.text):
                if self.now[name] == form:  # another call may have learnt it already
                    self.learnt[name] = following
                return True
        return False
