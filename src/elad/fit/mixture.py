"""A mixture: in what shares of its domains a training draws its texts, interval by interval."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from elad.records import Part, Record

Shares = Mapping[str, float]
"""By domain; they add up to 1. Examples without a domain are those of the domain ''."""


class Perplexities(Record):
    """How hard the texts are that a training has set aside, by domain: exp of the mean loss of a token.

    For the `student`, and for the `model` whose soft labels it learns, where there is one. A domain of which nothing
    could be set aside has none.
    """

    student: dict[str, float]
    model: dict[str, float] = Field(default_factory=dict)


class Interval(Record):
    """A stretch of a training: the steps before it, in what shares its texts are drawn, and what was found before."""

    step: int
    shares: dict[str, float]
    found: Perplexities


class Mixture(Part):
    """In what shares of their domains examples are learnt, from one interval of `every` steps to the next.

    Of each domain about the share `set_aside` of the prompts is never learnt, at most 500, but looked at before every
    interval.
    """

    every: int = Field(50, gt=0)
    set_aside: float = Field(0.1, gt=0, lt=1)

    compares: ClassVar[bool] = False
    """Whether it compares the student with the model of the soft labels."""

    @property
    def named(self) -> frozenset[str]:
        """The domains that it speaks of."""
        return frozenset()

    @abstractmethod
    def shares(self, natural: Shares, found: Sequence[Perplexities]) -> Shares:
        """Those of the next interval, by what was found before each so far and before it.

        `natural`: as the examples have them, so the keys are all domains.
        """


class Static(Mixture):
    """The same shares throughout: of all domains `equal`, or `natural` ones, as the examples have them.

    `weights` multiply them, 1 where a domain has none: with `of: equal` and `{a: 3}` there is three times as much of
    `a` as of any other.
    """

    kind: Literal["static"] = "static"
    of: Literal["equal", "natural"] = "equal"
    weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(default_factory=dict)

    @property
    def named(self) -> frozenset[str]:
        """Those that have a weight."""
        return frozenset(self.weights)

    def shares(self, natural: Shares, found: Sequence[Perplexities]) -> Shares:
        """Whatever was found."""
        even = dict.fromkeys(natural, 1.0)
        base = natural if self.of == "natural" else even
        return normalised({name: share * self.weights.get(name, 1.0) for name, share in base.items()})


def normalised(weights: Mapping[str, float]) -> Shares:
    """The same in proportion, and 1 in all."""
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}
