"""Texts in many scripts and styles, written for these tests: what a compressor meets in the wild."""

from __future__ import annotations

__all__ = ["BY_KIND", "SAMPLES", "long_text"]

ENGLISH = (
    "Sarah, the council's budget isn't final yet. Item 15, report from Councilmember Price: a recommendation to "
    "increase the appropriation in the general fund by $1,250.00, to support the food programme. We can't vote "
    "before the review; John's committee doesn't meet until Thursday. Are there any questions? No. Then let's move "
    "on to the next item.\nThe answer is simple: we need more time, more time and more money!"
)
DIALOGUE = (
    "John: So, I've been thinking about the project, and I believe we need to make some changes.\n\n"
    "Sarah: I agree. We want the project to succeed, right? The timeline is too tight.\n\n"
    "John: Right?? We should be realistic... and extend it!\nThe answer is the answer is the answer is 42."
)
CODE = (
    "def moving_average(values, window=3):\n    # running mean over the last `window` items\n    total = 0.0\n"
    "    for i, v in enumerate(values):\n        total += v * 2**0.5\n        if i >= window:\n"
    "            total -= values[i - window]\n        yield total / min(i + 1, window)\n\n"
    'print({"a": [1, 2], "b": (x() != None)})  # foo(bar()); // end...\n'
)
NUMBERS = (
    "Natalia sold 48 clips in April, and then half as many in May: 48/2 = 24. Altogether 48+24 = 72. At $12 an hour, "
    "50 minutes pay 12 * 50/60 = $10.00. Call 555-0199 before 2024-11-24T07:30; error rate 0.05%, pi is 3.14159."
)
CHINESE = (
    "市议会的预算还没有最后确定。第十五项是普莱斯议员的报告,建议增加一般基金的拨款,用来支持食品项目。"
    "我们不能在审查之前投票!委员会要到星期四才开会。大家有问题吗?没有。那我们继续下一项。The answer is 42。"
)
GERMAN = (
    "Der Haushalt des Stadtrats ist noch nicht endgültig. Die Straßenbahnhaltestelle bekommt größere Überdachungen; "
    "die Bürgermeisterin überprüft die Donaudampfschifffahrtsgesellschaft. Gibt es Fragen? Nein. Wir können nicht "
    "vor der Prüfung abstimmen, weil der Ausschuss erst am Donnerstag tagt."
)
ARABIC = (
    "ميزانية المجلس ليست نهائية بعد. البند الخامس عشر هو تقرير عضو المجلس، وهو توصية بزيادة المخصصات في الصندوق "
    "العام لدعم برنامج الغذاء. هل هناك أي أسئلة؟ لا. إذن ننتقل إلى البند التالي. ﻻ يمكننا التصويت قبل المراجعة."
)
EMOJI = "Great job team 🎉🎉! The 👩‍👩‍👧 loved it 😀. Thumbs 👍🏽 up, 100% 💯, see you 🏳️‍🌈 soon ☕️."
PUNCTUATION = "?!... ((())) -- ;:;: \"'`´ ,,, [x] {y} <z> /\\ | ~ ^ _ = + * & % $ # @ ... !? ."
COMPATIBILITY = (
    "Ｆｕｌｌ　ｗｉｄｔｈ ＡＢＣ１２３, ﬁne ﬂow, x² + y³ = ½, ① Ⅳ ℃ ㎏, cafe\u0301 déjà vu\u200bzero\u00a0width ＃！"
)
MARKUP = (
    "# Title\n\n- one **bold** item, see [here](https://example.org/a?b=c&d=1)\n\n```python\nx = 1\n```\n\n| a | b |\n"
)
ONE_WORD = "budget"
UNKNOWN_ONLY = "😀😀 🎉"
SPACES = "  two  spaces\t\ttabs \n\n\n and   lines \r\n end.  "

BY_KIND: dict[str, str] = {
    "english": ENGLISH,
    "dialogue": DIALOGUE,
    "code": CODE,
    "numbers": NUMBERS,
    "chinese": CHINESE,
    "german": GERMAN,
    "arabic": ARABIC,
    "emoji": EMOJI,
    "punctuation": PUNCTUATION,
    "compatibility": COMPATIBILITY,
    "markup": MARKUP,
    "one word": ONE_WORD,
    "spaces": SPACES,
}
SAMPLES: tuple[str, ...] = tuple(BY_KIND.values())


def long_text(characters: int) -> str:
    """All samples in turn, with a running number so that no two rounds are alike, cut at ``characters``."""
    parts: list[str] = []
    length = 0
    round_number = 0
    while length < characters:
        for text in SAMPLES:
            parts.append(f"Part {round_number}. {text} ")
            length += len(parts[-1])
            round_number += 1
    return "".join(parts)[:characters]
