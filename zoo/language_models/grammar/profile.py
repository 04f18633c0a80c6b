"""Answers to the prompt of ProfileGen (Tables 12-13): five profile sentences of a category, some of them wrong."""

import re
from dataclasses import dataclass

from zoo.data.persona_lexicon import LeafLexicon
from zoo.language_models.grammar.draws import Draws
from zoo.language_models.grammar.noise import Noise
from zoo.language_models.grammar.sentences import SLOT, Sentences

LINES = 5
TRIES = 20  # draws of a sentence that is new in its list, or about something else
_HEADER = "User's persona:"
_BLOCK = re.compile(
    rf"{_HEADER}[ ]*(?P<path>[^\n]*)\n\s*[^\n]*\"(?P<key>[^\"\n]+)\" in each sentence:[ ]*\n1\.(?P<space>\s*)"
)
# A word of a leaf's id -> the word of its path that tells it from the other leaves with its key.
_PATH_WORDS = {
    "origin": "birthplace",
    "live": "residence",
    "previous": "previous",
    "have": "possession",
    "like": "preference",
}


@dataclass(frozen=True, slots=True)
class ProfilePrompt:
    """What the last block of a prompt asks for."""

    path: str  # "Preference | Music | Artist"
    key: str  # "music artist"
    spaced: bool  # whether white space stands behind "1." already


def read_profile_prompt(prompt: str) -> ProfilePrompt | None:
    """The last block of `prompt`; None if it is no prompt of ProfileGen."""
    found = _BLOCK.fullmatch(prompt, max(prompt.rfind(_HEADER), 0))
    return ProfilePrompt(found["path"].strip(), found["key"], bool(found["space"])) if found else None


class ProfileWriter:
    """Writes the lines `<sentence> (<key>: <value>)` of a list that the prompt has begun with "1."."""

    def __init__(self, sentences: Sentences, noise: Noise) -> None:
        self.sentences, self.noise = sentences, noise
        self.lexicon = sentences.lexicon

    def answer(self, prompt: ProfilePrompt, draws: Draws) -> str:
        """What follows "1.": a sentence, and the lines 2 to 5."""
        leaf = self.leaf(prompt.path, prompt.key)
        n_lines = draws.pick(range(1, LINES)) if draws.happens(self.noise.short_list) else LINES
        used: set[str] = set()
        lines = [self._line(leaf, prompt.key, used, draws) for _ in range(n_lines)]
        text = "\n".join([lines[0], *(f"{number}. {line}" for number, line in enumerate(lines[1:], start=2))])
        if draws.happens(self.noise.run_on):
            other = draws.pick(list(self.lexicon.leaves.values()))
            text += f"\n\n### {_HEADER} {other.key.capitalize()}\n"
        return text if prompt.spaced else f" {text}"

    def leaf(self, path: str, key: str) -> LeafLexicon:
        """The category that has this key and the words of this path; of an unknown key, the one most like it."""
        asked = re.findall(r"\w+", path.lower())
        leaves = list(self.lexicon.leaves.values())
        same_key = [leaf for leaf in leaves if leaf.key == key.strip().lower()]

        def fits(leaf: LeafLexicon) -> int:
            marks = [word for part, word in _PATH_WORDS.items() if part in leaf.leaf.split("_")]
            return sum(1 if word in asked else -1 for word in marks)

        def alike(leaf: LeafLexicon) -> int:
            return len({*leaf.key.split(), *leaf.leaf.split("_")} & {*asked, *key.lower().split()})

        if same_key:
            return max(same_key, key=fits)
        most = max(map(alike, leaves))
        return Draws(0, key).pick([leaf for leaf in leaves if alike(leaf) == most])

    def _line(self, leaf: LeafLexicon, key: str, used: set[str], draws: Draws) -> str:
        malformed, absent, other = map(
            draws.happens, (self.noise.malformed, self.noise.absent, self.noise.other_category)
        )
        if other and not malformed and not absent:
            sentence, value = self._elsewhere(leaf, draws)
        else:
            sentence, value = self._new(leaf, used, draws)
        used.add(sentence)
        if malformed:
            return self._malformed(sentence, key, value, draws)
        return f"{sentence} ({key}: {self._absent(leaf, sentence, value, draws) if absent else value})"

    def _new(self, leaf: LeafLexicon, used: set[str], draws: Draws) -> tuple[str, str]:
        """A sentence and its value, unlike the `used` ones of the list if there are any left."""
        for _ in range(TRIES):
            sentence, value = self._sentence(leaf, draws)
            if sentence not in used:
                break
        return sentence, value

    def _sentence(self, leaf: LeafLexicon, draws: Draws) -> tuple[str, str]:
        template = draws.pick(leaf.templates, self.noise.skew)
        value = draws.pick(leaf.values, self.noise.skew)
        if draws.happens(self.noise.decorated):
            template = self.sentences.decorated(template, draws)
        return template.replace(SLOT, value), value

    def _elsewhere(self, leaf: LeafLexicon, draws: Draws) -> tuple[str, str]:
        """A sentence of another category that has no value and no cue of this one."""
        marks = [mark.lower() for mark in (*self.lexicon.values(leaf.key), *self.lexicon.cues(leaf.key), leaf.key)]
        others = [other for other in self.lexicon.leaves.values() if other.key != leaf.key] or [leaf]
        for _ in range(TRIES):
            sentence, value = self._sentence(draws.pick(others), draws)
            if not any(mark in sentence.lower() for mark in marks):
                break
        return sentence, value

    def _absent(self, leaf: LeafLexicon, sentence: str, value: str, draws: Draws) -> str:
        """A value that the sentence has not: another one, or more than it says."""
        for _ in range(TRIES):
            other = draws.pick(leaf.values)
            wrong = other if draws.happens(0.7) else f"{value} and {other}"
            if wrong.lower() not in sentence.lower():
                return wrong
        return f"not {value}"

    def _malformed(self, sentence: str, key: str, value: str, draws: Draws) -> str:
        """The line without brackets, without a key, unclosed, or without the blank after the colon."""
        kinds = [sentence, f"{sentence} ({value})", f"{sentence} ({key}: {value}", f"{sentence} ({key}:{value})"]
        chosen = draws.pick(kinds)
        return sentence if ": " in value else chosen  # "(Star Wars: A New Hope)" would be well-formed
