"""JSON that every reader understands: no NaN tokens, NumPy and torch numbers as plain ones."""

import json
import os
from typing import Any


def dumps(value: Any, *, what: str, indent: int | None = None) -> bytes:
    """Encode `value` as UTF-8 JSON; `what` names it in errors.

    Arrays, tensors and their scalars become lists and numbers, paths become strings.

    Raises:
        TypeError: a value JSON has no form for.
        ValueError: a number that is not finite, or a structure that contains itself.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=_plain)
    except ValueError as error:
        raise ValueError(f"{what} has no JSON form: {error} (write None for a number that is not defined)") from error
    except TypeError as error:
        raise TypeError(f"{what} has no JSON form: {error}") from error
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate, as cut-off model output holds: only an escape can carry it
        return json.dumps(value, allow_nan=False, indent=indent, default=_plain).encode()


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a value of type {type(value).__name__}")
