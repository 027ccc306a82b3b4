"""Budget and ledger together: what a call goes through, whichever way it is made.

A call's bound is set aside before it is opened in the ledger, and it is opened before it is made; its answer is in the
ledger before the budget knows what it cost, and before anything reads it.
"""

from elad.budget import Budget, Caps, Price, Usage
from elad.errors import TeacherError
from elad.ledger import Ledger
from elad.store import Store
from elad.teacher.asking import Ask
from elad.teacher.replies import BadReply, Declined
from elad.teacher.retry import Failed
from elad.teacher.teacher import HANDS_OFF, Reply, Said, Teacher
from elad.teacher.window import LAST, Window


class Till:
    """What a run has to spend on a teacher, and what became of its calls."""

    def __init__(self, teacher: Teacher, ledger: Ledger, caps: Caps, price: Price | None) -> None:
        ledger.calls.close_open(may_have_been_billed=teacher.metered)
        self.budget = Budget(caps, price or teacher.price, ledger.calls.spent())
        self.ledger = ledger
        self.tries = teacher.traffic.tries
        self._teacher = teacher
        self._store = Store() if teacher.stored else None
        self._share_all()
        self._failed: dict[str, str] = {}
        self._unanswered, self._unusable = Window(seen=2), Window(seen=LAST)

    def key(self, ask: Ask) -> str:
        """The name of the call that a request makes."""
        return ask.request.key(self._teacher.identity())

    def bound(self, ask: Ask) -> Usage:
        """The most that a request can cost."""
        return self.counted(self._teacher.bound(ask.request))

    def has_room(self, round: int) -> bool:
        """Whether, after a round, the caps had room for the smallest call that there can be."""
        spent = Budget(self.budget.caps, self.budget.price, self.ledger.calls.spent(up_to=round))
        smallest = Usage(calls=1, input_tokens=1, output_tokens=self._teacher.max_output_tokens)
        return spent.fits(self.counted(smallest))

    def said(self, key: str) -> Said | None:
        """What was said to a request; None where it was not asked."""
        reply = self.ledger.calls.reply(key)
        if reply is not None:
            return self._teacher.said(reply)
        return Said("", "failed", self._failed[key]) if key in self._failed else None

    def bought_before(self, key: str, round: int, ask: Ask) -> bool:
        """Take the answer of an earlier run, if there is one, in place of a call whose bound was set aside."""
        found = self._store.find(key) if self._store else None
        if found is None:
            return False
        reply, usage = found[0], self.counted(found[1])
        self.ledger.calls.reuse(key, round, ask.question, ask.request.model_dump_json(), reply, usage)
        self.budget.settle(key, usage)
        return True

    def share(self, key: str, reply: Reply) -> None:
        """Keep an answer for other runs too."""
        if self._store and reply.outcome == "answered":
            self._store.keep(self._name, [(key, reply.raw, reply.usage)])

    def close(self) -> None:
        """Let the store of answers go."""
        if self._store:
            self._store.close()

    def look_at(self, reply: Reply, ask: Ask) -> None:
        """Whether a reply that was kept can be used. Raises TeacherError where most of the last can't be."""
        if reply.wrong:
            raise TeacherError(f"{reply.wrong} {HANDS_OFF}")
        self._unanswered.add(failed=False)
        said = self._teacher.said(reply.raw)
        why = said.why
        if why is None:
            try:
                ask.read(said.text)
            except Declined:
                pass
            except BadReply as error:
                why = str(error)
        if self._unusable.add(failed=why is not None) and self._teacher.metered:
            raise TeacherError(f"most of the last {LAST} replies can't be used; the last: {why}. {HANDS_OFF}")

    def give_up(self, key: str, error: Failed) -> None:
        """Say of a call that no try has answered it. Raises TeacherError where most of the last calls went so."""
        self._failed[key] = f"no answer in {self.tries} tries (the last: {error})"
        if self._unanswered.add(failed=True):
            raise TeacherError(f"most of the last calls came to nothing; the last: {error}. {HANDS_OFF}")

    @property
    def _name(self) -> str:
        return self._teacher.name or str(self._teacher.identity().get("model"))

    def _share_all(self) -> None:
        """Keep for other runs what a process before us has kept for this one alone, as it died in between."""
        if self._store:
            kept = self.ledger.calls.answered("answered")
            self._store.keep(self._name, ((call.key, call.reply or "", call.usage or Usage()) for call in kept))

    def counted(self, usage: Usage) -> Usage:
        """A usage as it counts in a run that buys in batches, or does not."""
        return usage.in_a_batch() if self._teacher.in_batches else usage.by_itself()
