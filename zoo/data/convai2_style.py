"""Other people's English in ConvAI2's spelling, so that dialogues of several corpora can be mixed.

ConvAI2's utterances are lower-case, hold no marks but ``. , ! ? ;`` with blanks around them, and keep the apostrophe of
some thirty contractions only ("i'm", "that's", "don't"): counted over the 33,020 utterances of its validation file and
a part of its training file. Elsewhere it stands without ("its", "my moms car") or written out ("you are").
"""

import re

_KEPT = r"\b(?:i'(?:m|ve|d|ll)|(?:that|there|he|she)'s|they're|you'(?:ll|d)|\w+n't)\b"
_APOSTROPHE = re.compile(rf"({_KEPT})|'(re|ve|ll|d)\b|'")
_WRITTEN_OUT = {"re": " are", "ve": " have", "ll": " will", "d": " would", None: ""}


def convai2_style(text: str) -> str:
    r"""Spell an utterance as ConvAI2 does; ConvAI2's own stay as they are, but for 38 with broken words ("isn'thing").

    >>> convai2_style('It’s great (really)! We\'re "all-time" fans, aren\'t we? I\'m 3.5 & up...')
    "its great really ! we are all time fans , aren't we ? i'm 3 . 5 and up . . ."
    """
    text = text.lower().replace("’", "'").replace("&", " and ")
    text = _APOSTROPHE.sub(lambda found: found[1] or _WRITTEN_OUT[found[2]], text)
    text = re.sub(r"[^\w\s'.,!?;]|_", " ", text)
    return " ".join(re.sub(r"([.,!?;])", r" \1 ", text).split())
