"""The form under which two words count as the same: lower case, inflection removed.

LLMLingua-2 compares lemmas (paper, sections 3.2 and 3.3) and uses spaCy for them. Two choices here: ``stem``, a light
rule stemmer for English that needs nothing, and ``spacy`` (``pip install "llmlingua2[spacy]"``) for the paper's own.
The rules take off inflection only (plural, -ed, -ing, -ly); they do not merge "nation" with "national".
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

__all__ = ["lemmatiser", "stem"]

_VOWELS = frozenset("aeiouy")
_IRREGULAR = {
    "am": "be", "is": "be", "are": "be", "was": "be", "were": "be", "been": "be", "being": "be",
    "has": "have", "had": "have", "having": "have", "does": "do", "did": "do", "done": "do", "doing": "do",
    "went": "go", "gone": "go", "goes": "go", "said": "say", "says": "say", "made": "make", "making": "make",
    "took": "take", "taken": "take", "taking": "take", "gave": "give", "given": "give", "giving": "give",
    "got": "get", "gotten": "get", "getting": "get", "thought": "think", "told": "tell", "knew": "know",
    "known": "know", "saw": "see", "seen": "see", "came": "come", "coming": "come", "found": "find",
    "felt": "feel", "left": "leave", "kept": "keep", "men": "man", "women": "woman", "children": "child",
    "people": "person", "spent": "spend", "brought": "bring", "built": "build", "bought": "buy", "paid": "pay",
    "uses": "use", "used": "use", "using": "use", "began": "begin", "begun": "begin", "wrote": "write",
    "written": "write", "spoke": "speak", "spoken": "speak",
    # By name, because "need", "proceed" and "indeed" end like "agreed" and are no inflection.
    "agreed": "agree", "disagreed": "disagree", "decreed": "decree", "freed": "free", "guaranteed": "guarantee",
    "refereed": "referee", "fled": "flee",
    "died": "die", "dying": "die", "lied": "lie", "lying": "lie", "tied": "tie", "tying": "tie",
    "chose": "choose", "chosen": "choose", "meant": "mean", "sent": "send", "held": "hold", "ran": "run",
    "n't": "not", "n’t": "not", "'s": "'s", "this": "this", "thus": "thus", "his": "his", "its": "its",
    "news": "news", "always": "always", "perhaps": "perhaps", "us": "us", "yes": "yes", "during": "during",
}  # fmt: skip


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """The word in lower case without English inflection: "Reports" -> "report", "stopped" -> "stop".

    Words with a digit or a letter outside a-z are only lower-cased, so other languages pass through unharmed.
    """
    word = word.lower()
    if word in _IRREGULAR:
        return _without_final_e(_IRREGULAR[word])
    if len(word) < 4 or not (word.isascii() and word.isalpha()):
        return word
    word = _without_plural(word)
    if word.endswith("ly") and len(word) > 5:
        word = word[:-3] + "y" if word.endswith("ily") else word[:-2]
    for suffix in ("ing", "ed"):
        base = word[: -len(suffix)]
        if word.endswith(suffix) and len(base) > 2 and not _VOWELS.isdisjoint(base) and not word.endswith("eed"):
            word = _mended(base)
            break
    return _without_final_e(word)


def _without_final_e(word: str) -> str:
    """Lets "decide" meet "decid"-ed; the price is that "care" meets "car"."""
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _without_plural(word: str) -> str:
    if word.endswith(("ies", "ied")) and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _mended(base: str) -> str:
    """Undo the doubling of "stopp"-ed; "fall", "pass" and "buzz" keep theirs."""
    return base[:-1] if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "aeioulsz" else base


def lemmatiser(kind: Literal["stem", "spacy"] = "stem") -> Callable[[str], str]:
    """A function word -> lemma.

    Raises:
        ImportError: ``kind="spacy"`` without spaCy or its ``en_core_web_sm`` model.
        ValueError: an unknown kind.
    """
    if kind == "stem":
        return stem
    if kind != "spacy":
        raise ValueError(f"lemmatiser: kind must be 'stem' or 'spacy', not {kind!r}")
    try:
        import spacy

        pipeline = spacy.load("en_core_web_sm", disable=["parser", "ner"])
    except (ImportError, OSError) as error:
        raise ImportError(
            'kind="spacy" needs spaCy and its English model: pip install "llmlingua2[spacy]" '
            "and python -m spacy download en_core_web_sm"
        ) from error

    @lru_cache(maxsize=1 << 16)
    def lemma(word: str) -> str:
        return " ".join(token.lemma_ for token in pipeline(word)).lower()

    return lemma
