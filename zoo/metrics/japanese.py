"""Japanese words, which no blanks part: MeCab (fugashi) with the UniDic dictionary of unidic-lite, the extra `[ja]`.

The dictionary decides where words end, so its version is part of the version of every metric that counts them. Texts
are put into NFKC first: "ＴＶ！" and "TV!", "ﾃﾚﾋﾞ" and "テレビ" are the same words.
"""

import functools
import os
import unicodedata
from importlib.metadata import version
from typing import Any

from zoo.errors import UserError


def japanese(text: str) -> list[str]:
    """Words of UniDic (short units: 飼っ, て, い, ます), every punctuation mark being one; case is kept."""
    return [word.surface for word in _tagger()(unify(text)) if not word.surface.isspace()]


def folded_words(text: str) -> list[str]:
    """`japanese` in lower case and without punctuation and symbols: the counterpart of ParlAI's normalisation.

    ParlAI's own leaves hardly anything to compare: without blanks an utterance is one word.
    """
    return [word for word in japanese(text.lower()) if not all(map(_is_mark, word))]


def folded_characters(text: str) -> list[str]:
    """Characters in lower case, in NFKC, without blanks, punctuation and symbols; needs no dictionary."""
    return [character for character in unified_characters(text.lower()) if not _is_mark(character)]


def unified_characters(text: str) -> list[str]:
    """Characters other than blanks, in NFKC: tokenizers of Japanese models write "!" where a corpus has "！"."""
    return [character for character in unify(text) if not character.isspace()]


def unify(text: str) -> str:
    """NFKC (one width for every character), without the zero-width blank that translations leave inside words.

    What MeCab cannot take, half a surrogate pair or NUL, becomes "?".
    """
    text = unicodedata.normalize("NFKC", text).replace("\u200b", "")
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def dictionary() -> str:
    """The installed dictionary and its version, for the versions of metrics.

    Raises:
        UserError: it is not installed.
    """
    _tagger()
    return f"unidic-lite {version('unidic-lite')}"


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"  # not "ー" and "々": they are letters


@functools.cache
def _tagger() -> Any:
    try:
        import fugashi
        import unidic_lite
    except ImportError as error:
        raise UserError(
            f"Japanese words need fugashi and unidic-lite ({error}). Install the extra: pip install persona-zoo[ja]. "
            "Or count characters, which need nothing: protocol=japanese protocol.words=characters."
        ) from error
    folder = unidic_lite.DICDIR  # named, because fugashi by itself prefers the large UniDic where that is installed
    return fugashi.GenericTagger(f'-r "{os.path.join(folder, "mecabrc")}" -d "{folder}"')
