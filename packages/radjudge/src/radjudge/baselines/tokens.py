"""Tokenizers of the comparison metrics, and the check that the two lists of reports belong together."""

import re
from collections.abc import Sequence

# mteval-v13a, the tokenizer of NIST's scoring script: symbols stand alone, a full stop or comma stays inside a number,
# a dash is split only after a digit.
_V13A = (
    (re.compile(r"([\x20\x21-\x26\x28-\x2b\x2f\x3a-\x40\x5b-\x60\x7b-\x7e])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_WORD = re.compile(r"[a-z0-9]+")


def v13a(text: str) -> list[str]:
    """Tokens of the mteval-v13a script (the default of sacrebleu). Case is kept."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    text = f" {text} "
    for pattern, replacement in _V13A:
        text = pattern.sub(replacement, text)
    return text.split()


def words(text: str) -> list[str]:
    """Lower-case runs of ASCII letters and digits (the tokenizer of the ROUGE script)."""
    return _WORD.findall(text.lower())


def paired(references: Sequence[str], candidates: Sequence[str]) -> list[tuple[str, str]]:
    """``(reference, candidate)`` for each pair.

    Raises:
        TypeError: a single string was given, or an item is not a string.
        ValueError: the number of references and of candidates differ.
    """
    for name, texts in (("references", references), ("candidates", candidates)):
        if isinstance(texts, str):
            raise TypeError(f"{name} must be a list of reports, not one string")
        for position, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"{name}[{position}] must be a string, not {type(text).__name__}")
    if len(references) != len(candidates):
        raise ValueError(
            f"the number of reports must be equal: {len(references)} references, {len(candidates)} candidates"
        )
    return list(zip(references, candidates, strict=True))
