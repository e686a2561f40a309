"""Splits that keep a group whole and never change their mind."""

import contextlib
import hashlib
import math
import operator
from collections.abc import Mapping, Sequence
from typing import SupportsIndex

_SPACE = 1 << 64


def split_by_group(
    groups: Sequence[str | SupportsIndex], fractions: Mapping[str, float], *, seed: int = 0
) -> dict[str, list[int]]:
    """Divide items into named parts so that all items of a group fall into the same part.

    Where a group goes depends on its name, the seed and the fractions alone: its keyed hash (BLAKE2b, RFC 7693, the
    seed as key) is a uniform number that falls into one part's share of [0, 1).  So the order of the items does not
    matter, and adding groups never moves one that was there before.  The price: the fractions hold in expectation over
    groups, and with few groups a part can be empty.

    Args:
        groups: for each item the group it belongs to (patient, document, author): a string or an integer; the integer
            1 and the string "1" are the same group.
        fractions: part -> share of the groups, each in [0, 1], summing to 1.  Their order does not matter.
        seed: another seed gives another, independent split.

    Returns:
        Part -> ascending indices into `groups`; every index in exactly one part, parts in the order of `fractions`.

    Raises:
        TypeError: a group that is neither string nor integer, a seed that is no integer.
        ValueError: fractions that are empty, out of range or do not sum to 1.

    Example:
        >>> split_by_group(["ann", "bob", "ann", "cy"], {"train": 0.5, "test": 0.5})
        {'train': [1, 3], 'test': [0, 2]}
    """
    if isinstance(groups, (str, bytes)):
        raise TypeError(f"groups must be a sequence of group names, got the single {type(groups).__name__} {groups!r}")
    bounds = _bounds(fractions)
    key = str(_integer(seed, "seed", "an integer")).encode()
    if len(key) > hashlib.blake2b.MAX_KEY_SIZE:
        raise ValueError(f"seed must have at most {hashlib.blake2b.MAX_KEY_SIZE} decimal digits, got {len(key)}")
    parts: dict[str, list[int]] = {name: [] for name in fractions}
    part_of: dict[str, str] = {}
    for index, group in enumerate(groups):
        name = group if isinstance(group, str) else str(_integer(group, f"groups[{index}]", "a string or an integer"))
        if name not in part_of:
            digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
            place = int.from_bytes(digest, "big")
            part_of[name] = next(part for part, bound in bounds if place < bound)
        parts[part_of[name]].append(index)
    return parts


def _bounds(fractions: Mapping[str, float]) -> list[tuple[str, int]]:
    """Each part's upper bound in the space of hashes; parts in alphabetical order, empty ones left out."""
    if not fractions:
        raise ValueError("fractions is empty: name at least one part")
    for name, fraction in fractions.items():
        if not 0 <= fraction <= 1:  # false for NaN as well
            raise ValueError(f"fractions[{name!r}] must be in [0, 1], got {fraction!r}")
    total = math.fsum(fractions.values())
    if abs(total - 1) > 1e-9:
        raise ValueError(f"fractions must sum to 1, got {total!r} from {dict(fractions)!r}")
    names = sorted(name for name, fraction in fractions.items() if fraction > 0)
    shares = [fractions[name] for name in names]
    bounds = [round(math.fsum(shares[: count + 1]) * _SPACE) for count in range(len(names))]
    bounds[-1] = _SPACE  # rounding must leave no hash without a part
    return list(zip(names, bounds, strict=True))


def _integer(value: object, what: str, accepted: str) -> int:
    if not isinstance(value, bool):
        with contextlib.suppress(TypeError):
            return operator.index(value)  # type: ignore[arg-type]
    raise TypeError(f"{what} must be {accepted}, got {value!r} of type {type(value).__name__}")
