"""The training loop: next-token loss on the explanation, given the question.

Everything random in it comes from the seed, so the same student, examples and seed give the same weights, also where
the training was interrupted and went on.
"""

import math
import random
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import torch

from elad.errors import InputError
from elad.fit.batches import Row, steps
from elad.fit.checkpoint import Checkpoint
from elad.fit.course import Course
from elad.fit.learner import Learner, prepare
from elad.fit.mixer import Mixer
from elad.fit.mixture import Mixture
from elad.fit.optimiser import optimised
from elad.fit.settings import EarlyStopping, Fitted, Optimiser
from elad.fit.soft_labels import WhiteBox
from elad.progress import counter, say
from elad.student import Example, Lora, Student
from elad.text import digest

Log = Callable[[dict[str, float], int], None]
"""Is told figures by name, and the step they are of."""


def fit(
    student: Student,
    examples: Sequence[Example],
    optimiser: Optimiser,
    seed: str,
    *,
    lora: Lora | None = None,
    frozen: Sequence[str] = (),
    early_stopping: EarlyStopping | None = None,
    soft: WhiteBox | None = None,
    mixture: Mixture | None = None,
    folder: Path | None = None,
    keep_every: float = 300.0,
    log: Log = lambda figures, step: None,
) -> Fitted:
    """Train the student in place; without examples it stays as it is.

    `optimiser` moves all weights but the `frozen` ones, patterns of their names; with `lora` low-rank updates alone.
    `soft`: a model whose distributions are learnt too. `mixture`: in what shares of their domains examples are drawn,
    where not all in turn; what it compares the student with is that model. In `folder` the training is kept every so
    many seconds, and goes on from there when it is begun again. Raises InputError when the loss is no longer a number,
    or the student can't be trained so.
    """
    rows = [Row(*student.encode(example.prompt, example.target), example.domain) for example in examples]
    fitting = [row for row in rows if student.context is None or len(row.ids) <= student.context]
    left_out = len(rows) - len(fitting)
    if left_out:
        say(f"  {left_out} of {len(rows)} texts are longer than the student's context and are left out")
    if not fitting:
        return Fitted(left_out=left_out)
    rng = random.Random(seed)
    dev = _set_aside(fitting, early_stopping, rng) if early_stopping else []
    epoch = math.ceil(len(fitting) / optimiser.texts)
    student.changing()
    torch.manual_seed(random.Random(seed).getrandbits(31))
    prepare(student, optimiser, lora, frozen)
    learner = Learner(student, optimiser, soft)
    mixer = Mixer(mixture, fitting, optimiser, rng, learner, soft) if mixture else None
    plan = [] if mixer else list(islice(steps([len(row.ids) for row in fitting], optimiser, rng), optimiser.steps))
    total = mixer.total if mixer else len(plan)
    adam, schedule = optimised(learner.model, optimiser, total)
    settings = (seed, optimiser, lora, frozen, early_stopping, soft and soft.how, mixture)
    checkpoint = Checkpoint(folder, digest(repr((*settings, dev, fitting))), keep_every)
    course = checkpoint.load(learner.model, adam, schedule) or Course()
    if dev and not course.dev:
        course.looked(learner.loss(dev), learner.model)
    coming = mixer.steps(course.mixture) if mixer else iter(plan)
    taken = list(islice(coming, len(course.losses)))
    with counter("train", total, len(taken)) as tick, learner:
        while len(taken) < total and not course.came_to_rest(early_stopping):
            taken.append(next(coming))
            rate, done = schedule.get_last_lr()[0], len(taken)
            course.losses.append(learner.learn([fitting[index] for index in taken[-1]]))
            if not math.isfinite(course.losses[-1]):
                raise InputError(
                    f"training came apart: at step {done} of {total} the loss is no longer a number. "
                    "Lower the optimiser's learning_rate; behind the first round, in a new run folder."
                )
            adam.step()
            schedule.step()
            adam.zero_grad()
            log({"loss": course.losses[-1], "learning rate": rate}, done)
            if dev and (done % epoch == 0 or done == total):
                course.looked(learner.loss(dev), learner.model)
                log({"dev loss": course.dev[-1]}, done)
            checkpoint.keep(learner.model, adam, schedule, course)
            tick()
    course.put_back_best(learner.model)
    tenth = max(1, len(taken) // 10)
    return Fitted(
        steps=len(taken),
        tokens=sum(len(fitting[index].learnt) for step in taken for index in step),
        first_loss=sum(course.losses[:tenth]) / tenth,
        last_loss=sum(course.losses[-tenth:]) / tenth,
        left_out=left_out,
        dev=tuple(course.dev),
        mixture=(*course.mixture, mixer.interval(len(taken), course.mixture)) if mixer else (),
    )


def _set_aside(rows: list[Row], stopping: EarlyStopping, rng: random.Random) -> list[Row]:
    """Take some of the rows away, to be looked at and never learnt: none where there is but one."""
    rng.shuffle(rows)
    count = min(len(rows) - 1, max(1, round(len(rows) * stopping.share)))
    return [rows.pop() for _ in range(count)]
