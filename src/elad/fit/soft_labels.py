"""Soft labels: how likely another model finds every next token, learnt beside the token itself.

Mentor-KD (arXiv 2410.09037) and DDK (arXiv 2407.16154): KL(theirs || the student's), both softened by one temperature,
over the tokens that are learnt, not multiplied by the temperature's square. Padding is no token that is learnt.
"""

import torch

from elad.errors import InputError
from elad.fit.batches import IGNORED, Batch
from elad.fit.settings import SoftLabels
from elad.student import Student


class WhiteBox:
    """A model whose distributions are seen, beside the student who learns them."""

    def __init__(self, source: Student, how: SoftLabels) -> None:
        self.source = source
        self.how = how

    @torch.no_grad()
    def logits(self, read: Batch) -> torch.Tensor:
        """What it says of a batch that the student reads: (learnt tokens, vocabulary)."""
        logits: torch.Tensor = self.source.model(**read.inputs).logits
        return logits[read.labels != IGNORED].float()

    def divergence(self, read: Batch, logits: torch.Tensor) -> torch.Tensor:
        """KL(its || the student's), summed over the tokens that are learnt; `logits`: the student's, of all tokens."""
        theirs, ours = self.logits(read), logits[read.labels != IGNORED].float()
        width = min(theirs.shape[-1], ours.shape[-1])  # some models have room for tokens that there are not
        theirs, ours = ((each[:, :width] / self.how.temperature).log_softmax(-1) for each in (theirs, ours))
        return torch.nn.functional.kl_div(ours, theirs, log_target=True, reduction="sum")


def white_box(student: Student, model: str, how: SoftLabels) -> WhiteBox:
    """The model at a folder or of a hub id, where the student computes.

    Raises InputError where there is none, or its vocabulary is not the student's.
    """
    key = "train.soft_labels.model"
    source = Student.load(model, device=student.model.device.type, layout=student.layout, key=key)
    need_same_tokens(source, student, f"{key}: {model}")
    return WhiteBox(source, how)


def need_same_tokens(source: Student, student: Student, called: str) -> None:
    """Hold a model's vocabulary and kind to the student's. Raises InputError, with what the model is `called`."""
    if source.tokenizer.get_vocab() != student.tokenizer.get_vocab() or source.seq2seq != student.seq2seq:
        raise InputError(
            f"{called} does not speak the student's tokens, so that how likely it finds them says nothing. Expected "
            "a model of the student's family, with the same tokenizer; or leave train.soft_labels out."
        )
