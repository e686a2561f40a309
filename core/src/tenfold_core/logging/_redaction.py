"""Arguments as they may be written to disk: without secrets."""

import os
import re
from collections.abc import Mapping
from typing import Any

MASK = "[redacted]"

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ALWAYS = {"secret", "secrets", "password", "passwords", "passwd", "pwd", "passphrase", "credential", "credentials"}
_IF_TEXT = {"key", "keys", "apikey", "token", "auth", "authorization", "bearer", "cookie"}
"""A number under such a name, as in `target_token=200`, is a setting."""
_OWNERS = {"access", "api", "auth", "bearer", "hf", "hub", "refresh"}
"""`api_tokens` are secrets, `force_tokens` are words."""

_TOKEN = re.compile(r"\b(?:sk-|hf_|gh[opsu]_|github_pat_|glpat-|xox[abprs]-|AKIA|eyJ[\w-]+\.eyJ)[\w.-]{8,}")
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")


def without_secrets(value: Any, key: str = "") -> Any:
    """`value` as plain JSON types, secrets masked; what JSON has no form for becomes its `repr`."""
    words = {word.lower() for word in _WORD.findall(key)}
    if value is not None and (words & _ALWAYS):
        return MASK
    telling = bool(words & _IF_TEXT) or ("tokens" in words and bool(words & _OWNERS))
    if isinstance(value, Mapping):
        # A secret's name also covers what is nested under it.
        names = {name: f"{key} {name}" if telling else str(name) for name in value}
        return {str(name): without_secrets(item, names[name]) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
        return [without_secrets(item, key) for item in items]
    if isinstance(value, (str, bytes)) and telling:
        return MASK
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        return _PASSWORD_IN_URL.sub(rf"\1:{MASK}", _TOKEN.sub(MASK, value))
    if isinstance(value, float) and value - value != 0:
        return repr(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if hasattr(value, "tolist"):
        return without_secrets(value.tolist(), key)
    return without_secrets(repr(value), key)
