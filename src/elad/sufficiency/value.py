"""Stop when the next round costs more than what it is expected to buy is worth."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from elad.sufficiency.forecast import Forecast, Unit, in_words, seen
from elad.sufficiency.rule import Round, Rule


class Value(Rule):
    """A point of held-out accuracy is worth `price`, in `unit`, and the next round is expected to cost more than that.

    A point is a hundredth of the held-out questions; `tokens` are the teacher's of both classes. What a round is
    expected to buy is told by a learning curve that is fitted to all scores so far, the mean over all the curves that
    they leave believable; what it costs, by the rounds before it. Where each point costs more than the one before, as
    on a curve that flattens, a round that is not worth its price is followed by none that is.

    It says nothing before `rounds` rounds, for two or three scores tell little. With `sure`, it stops only once a
    point costs more than the price by so much of what is believed: 0.9 goes on in doubt, 0 by what is expected alone.
    """

    kind: Literal["value"] = "value"
    price: float = Field(gt=0)
    unit: Unit = "money"
    rounds: int = Field(3, gt=0)
    sure: float = Field(0.0, ge=0, lt=1)

    @property
    def needs_price(self) -> bool:
        """Money is reckoned by what tokens cost."""
        return self.unit == "money"

    def reason(self, rounds: Sequence[Round]) -> str | None:
        """What the next round is expected to buy, and for how much."""
        if len(rounds) < self.rounds:
            return None
        forecast = Forecast.after(seen(rounds, self.unit), self.unit)
        if forecast is None or 100 * forecast.gain.mean * self.price >= forecast.cost:
            return None
        if forecast.chance_of_more_than(self.price) < self.sure:
            return None
        expected = in_words(self.unit, forecast.cost, forecast.gain, forecast.a_point)
        return f"value: another round is expected to buy {expected}, and one is worth {self.price:g}"
