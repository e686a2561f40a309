"""Arguments as they may be written to disk: plain JSON values without secrets."""

import dataclasses
import os
import re
from collections.abc import Mapping
from typing import Any

MASK = "[redacted]"

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ALWAYS = {"secret", "secrets", "password", "passwords", "passwd", "pwd", "passphrase", "credential", "credentials"}
_IF_TEXT = {"key", "keys", "apikey", "token", "auth", "authorization", "bearer", "cookie"}
"""A number under such a name is a setting, as in `target_token=200`."""
_OWNERS = {"access", "api", "auth", "bearer", "hf", "hub", "refresh"}
"""`api_tokens` are secrets; `force_tokens` are words."""

_TOKEN = re.compile(
    r"\b(?:sk-[\w-]{20,}|hf_[A-Za-z0-9]{20,}|gh[opsu]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}"
    r"|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+)"
)
"""Tokens of well-known services, recognisable wherever they stand."""
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


def without_secrets(value: Any, key: str = "") -> Any:
    """`value`, known under the name `key`, as plain JSON values with secrets masked.

    Masked are anything whose name speaks of a secret, password or credential, text whose name speaks of a key or token,
    and parts of any text that look like a service's token or a URL's password.  What JSON has no form for becomes its
    `repr` without memory addresses, so that the same arguments read the same in the next process.
    """
    words = {word.lower() for word in _WORD.findall(key)}
    if value is not None and words & _ALWAYS:
        return MASK
    telling = bool(words & _IF_TEXT) or ("tokens" in words and bool(words & _OWNERS))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        # A telling name also covers what is nested under it.
        names = {name: f"{key} {name}" if telling else str(name) for name in value}
        return {str(name): without_secrets(item, names[name]) for name, item in value.items()}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    if isinstance(value, (list, tuple)):
        return [without_secrets(item, key) for item in value]
    if isinstance(value, (str, bytes)) and telling:
        return MASK
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        return _PASSWORD_IN_URL.sub(rf"\1:{MASK}", _TOKEN.sub(MASK, value))
    if isinstance(value, float) and value - value != 0:  # not finite: JSON has no such number
        return repr(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if hasattr(value, "tolist"):
        return without_secrets(value.tolist(), key)
    return without_secrets(_ADDRESS.sub("", repr(value)), key)
