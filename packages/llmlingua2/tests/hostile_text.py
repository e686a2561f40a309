"""Hypothesis strategies for the texts that break text programs."""

from hypothesis import strategies as st

FRAGMENTS = [
    "budget", "don't", "not", "no", "3.14", "-5", "$1,250", "foo.bar", "e.g.", "well-known", "(", ")", "...", "?!", "=", "\"",
    " ", "  ", "\n", "\r\n", "\n\n", "\t", "\u00a0", "\u200b", "\u3000", "\x00", "\ufeff",
    "预算", "不", "没有", "コンピュータ", "ない", "ไม่เป็น", "한국어", "ميزانية", "לא", "हिन्दी", "ខ្មែរ",
    "e\u0301", "\u0301", "👩\u200d👩\u200d👧", "👍🏽", "🇩🇪", "🇫", "☂️", "\u200d", "\u202b", "\ud800", "\udfff", "ﬁ", "İ", "①",
    "[SEP]", "</s>", "<mask>", "<|endoftext|>", "[NEW0]", "<llmlingua>", "`x = 1`", "https://a.io/b?c=1", "a@b.com", "▁", "##s",
]  # fmt: skip

texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.characters()), max_size=40).map("".join)
"""Any script, white space, joiners, lone surrogates, names of special tokens."""

sentences = st.lists(
    st.sampled_from([*FRAGMENTS[:24], "the", "committee", "approves", "a", "plan", ",", ".", " ", " ", "\n"]),
    max_size=60,
).map(" ".join)
"""Closer to prose: mostly words between blanks."""
