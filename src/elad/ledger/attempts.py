"""The attempts of a round: drawn, written and read piece by piece, so that they are never in memory together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from elad.ledger.questions import move
from elad.records import Attempt, Question

if TYPE_CHECKING:
    from elad.ledger.ledger import Ledger


_AT_ONCE = 500
"""Questions that are named to SQLite in one query."""


class Attempts:
    """The candidates of a round, in the order in which they were drawn, and what the student wrote of them.

    Going over it reads the attempts from the ledger one by one, as often as is wanted.
    """

    def __init__(self, ledger: "Ledger", round: int) -> None:
        self._ledger = ledger
        self._round = round

    def draw(self, lot: str, count: int) -> None:
        """Draw the candidates, unless they are: a uniform sample without replacement of what is pooled.

        Each question's lot follows from `lot` and its id alone, so the draw does not depend on the pool's order.
        SQLite keeps only the best `count` while it reads, so a pool of millions is never in memory.
        """
        if self.drawn:
            return
        with self._ledger.write() as db:
            ids = db.execute(
                "SELECT id FROM questions WHERE state = 'pooled' ORDER BY lot(?, id), id LIMIT ?", (lot, count)
            )
            drawn = ((self._round, id, place) for place, (id,) in enumerate(ids))
            db.executemany("INSERT INTO attempts VALUES (?, ?, ?, NULL)", drawn)

    def pending(self, count: int) -> list[Question]:
        """The next candidates that the student has not explained."""
        rows = self._ledger.read(
            "SELECT questions.body FROM attempts JOIN questions ON id = question "
            "WHERE round = ? AND attempts.body IS NULL ORDER BY place LIMIT ?",
            self._round,
            count,
        )
        return [Question.model_validate_json(row[0]) for row in rows]

    def keep(self, attempts: Iterable[Attempt], too_long: Mapping[str, str]) -> None:
        """Keep what the student wrote; set the questions aside that are too long for it, with the reason."""
        bodies = [(attempt.question.id, attempt.model_dump_json(exclude={"question"})) for attempt in attempts]
        bodies += [(id, "") for id in too_long]
        with self._ledger.write() as db:
            db.executemany(
                "UPDATE attempts SET body = ? WHERE round = ? AND question = ?",
                [(body, self._round, id) for id, body in bodies],
            )
            move(db, [(id, "unusable", reason) for id, reason in too_long.items()])

    def of(self, questions: Sequence[str]) -> dict[str, Attempt]:
        """Those at some questions, by the questions' ids."""
        found: dict[str, Attempt] = {}
        for start in range(0, len(questions), _AT_ONCE):
            some = questions[start : start + _AT_ONCE]
            marks = ", ".join("?" for _ in some)
            for attempt in self._read(f"AND question IN ({marks})", *some):
                found[attempt.question.id] = attempt
        return found

    @property
    def drawn(self) -> int:
        """How many candidates there are, those that are too long for the student among them."""
        return self._count("")

    @property
    def questions(self) -> list[str]:
        """The candidates' ids, in the order in which they were drawn."""
        rows = self._ledger.read("SELECT question FROM attempts WHERE round = ? ORDER BY place", self._round)
        return [id for (id,) in rows]

    @property
    def size(self) -> int:
        """Bytes that they take."""
        sql = "SELECT coalesce(sum(length(body)), 0) FROM attempts WHERE round = ?"
        return int(self._ledger.read(sql, self._round).fetchone()[0])

    def __len__(self) -> int:
        return self._count("AND body != ''")

    def _count(self, where: str) -> int:
        sql = f"SELECT count(*) FROM attempts WHERE round = ? {where}"
        return int(self._ledger.read(sql, self._round).fetchone()[0])

    def __iter__(self) -> Iterator[Attempt]:
        return self._read()

    def _read(self, where: str = "", *values: str) -> Iterator[Attempt]:
        rows = self._ledger.read(
            "SELECT questions.body, attempts.body FROM attempts JOIN questions ON id = question "
            f"WHERE round = ? AND attempts.body != '' {where} ORDER BY place",
            self._round,
            *values,
        )
        for question, rest in rows:  # both are objects in JSON: one is put into the other
            yield Attempt.model_validate_json(f'{{"question":{question},{rest.removeprefix("{")}')
