"""The exact budget: how far down a ranking one can go before the text no longer fits."""

from collections.abc import Callable

__all__ = ["BudgetError", "fit"]


class BudgetError(ValueError):
    """What has to stay is longer than the budget.

    Attributes:
        needed: tokens of what has to stay.
        target: tokens allowed.
    """

    def __init__(self, needed: int, target: int, what: str = "forced words and protected spans") -> None:
        super().__init__(f"{what} alone take {needed} tokens, above the target of {target}")
        self.needed = needed
        self.target = target

    def __reduce__(self) -> tuple:
        return _rebuild, (self.needed, self.target, str(self))


def _rebuild(needed: int, target: int, message: str) -> BudgetError:
    error = BudgetError(needed, target)
    error.args = (message,)
    return error


def fit(count: Callable[[int], int], ranked: int, target: int) -> int:
    """How many of the ranked words to keep so that the text fits and the next word would not.

    The token count of a text is not the sum of the counts of its words, and can even fall when a word is added.
    Bisection needs no such property. It keeps two numbers of words, the lower measured to fit and the upper measured
    not to (or one more than there are), until they are neighbours: the result fits, and one word more does not. And
    because every target starts from the same two numbers, a larger target takes the same turns as a smaller one until
    it first turns upwards instead of down: the result never falls as the target grows, so kept sets are nested.

    Args:
        count: tokens of the final text that keeps what has to stay and the first k of the ranked words, for 0 <= k <=
            `ranked`. Called at most log2(ranked + 1) + 2 times.
        ranked: number of ranked words.
        target: most tokens allowed.

    Raises:
        BudgetError: `count(0)` is above the target.
    """
    needed = count(0)
    if needed > target:
        raise BudgetError(needed, target)
    fits, too_many = 0, ranked + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if count(middle) <= target:
            fits = middle
        else:
            too_many = middle
    return fits
