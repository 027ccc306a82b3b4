"""2,000 annotations by ELAD's own paid teacher: every call is in the ledger before it is made and once it is answered.

`python ours.py URL EXERCISE FOLDER`; the same command on the same folder goes on where the last one stopped.
"""

import json
import sys
from pathlib import Path

from elad.annotate import Revise
from elad.budget import Caps
from elad.ledger import Ledger
from elad.records import Attempt
from elad.teacher import Desk, Endpoint
from elad.text import question_digest

AT_A_TIME = 16
LONGEST = 256


def main(url: str, exercise: Path, folder: Path) -> None:
    """Annotate as a round of a run does, without a student."""
    with exercise.open() as lines:
        attempts = [Attempt.model_validate(json.loads(line)["attempt"]) for line in lines]
    teacher = Endpoint(model="gpt-4o-mini", base_url=url, concurrency=AT_A_TIME, max_output_tokens=LONGEST)
    with Ledger(folder) as ledger:
        if not ledger.counts():
            with ledger.admission() as door:
                for attempt in attempts:
                    question = attempt.question
                    door.add(question.id, question_digest(question), "pooled", question=question)
        desk = Desk(teacher, ledger, Caps(calls=2 * len(attempts)))
        bought = Revise().annotate(desk, 1, attempts, frozenset())
    with (folder / "annotations.jsonl").open("w") as out:
        for annotation in bought.annotations:
            said = {"id": annotation.question.id, **annotation.target.model_dump(mode="json")}
            out.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
