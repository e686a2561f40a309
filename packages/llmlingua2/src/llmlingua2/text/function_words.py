"""English function words and conversational fillers: what carries grammar rather than content.

Used by the stop-word baseline and to decide which words of an answer count as content. The model never sees this list.
"""

__all__ = ["FILLERS", "FUNCTION_WORDS", "is_content"]

FUNCTION_WORDS = frozenset(
    """
    a about above across after again against all almost along already also although always am among an and another any
    anybody anyone anything are aren't around as at away back be because been before being below between both but by can
    can't cannot could couldn't did didn't do does doesn't doing don't done down during each either else enough even
    ever every everybody everyone everything few for from further get gets getting go goes going gone gonna got had
    hadn't has hasn't have haven't having he her here hers herself him himself his how however i i'd i'll i'm i've if in
    into is isn't it it's its itself just kind let like lot made make makes many may maybe me might mine more most much
    must my myself near neither nobody none nor nothing now of off often on once one ones only onto or other others
    ought our ours ourselves out over own perhaps put quite rather re really same say says see seem seems shall she
    should shouldn't since so some somebody someone something somewhat sort still such take than that that's the their
    theirs them themselves then there there's therefore these they they're thing things think this those though through
    thus till to together too toward towards under until up upon us use very wanna want was wasn't way we we'll we're
    we've well were weren't what what's whatever when where whether which while who whoever whole whom whose why will
    with within won't would wouldn't yes yet you you'd you'll you're you've your yours yourself yourselves
    s t d ll m ve don didn doesn isn aren wasn weren wouldn couldn shouldn hasn haven hadn won 's 't 'd 'll 'm 're 've
    """.split()  # noqa: SIM905
)

FILLERS = frozenset(
    """
    ah aha alright anyway basically cause cuz eh er erm gap hey hmm hm huh mean mhm mm mmm nah nope oh ok okay
    disfmarker vocalsound pause nonvocalsound right sure uh uhh um umm uhm uh-huh mm-hmm wow yeah yep yup know
    """.split()  # noqa: SIM905
)

_SKIPPED = FUNCTION_WORDS | FILLERS


def is_content(word: str) -> bool:
    """True for a word with a letter or digit that is neither a function word nor a filler."""
    word = word.lower().replace("’", "'")
    return word not in _SKIPPED and any(character.isalnum() for character in word)
