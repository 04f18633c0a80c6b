"""One utterance of a dialogue: greet, tell a persona sentence in other words or ask, acknowledge, say goodbye."""

import re
from collections.abc import Sequence

from zoo.data.persona_lexicon import RUDE_WORDS
from zoo.language_models.grammar.chat_prompt import Chat
from zoo.language_models.grammar.draws import Draws
from zoo.language_models.grammar.noise import Noise
from zoo.language_models.grammar.sentences import SLOT, Fact, Sentences, negated, overlap, says

SHORTEST, LONGEST = 6, 14  # words of an utterance; a copied persona sentence has its own length
COPIED = 0.8  # the copy-paste filter's F1: other words for a sentence stay below it


class ChatWriter:
    """Writes the turn that a chat asks for. It knows what the prompt's last block knows, and nothing else."""

    def __init__(self, sentences: Sentences, noise: Noise) -> None:
        self.sentences, self.noise = sentences, noise
        self.phrases = sentences.phrases

    def answer(self, chat: Chat, draws: Draws) -> str:
        """What follows the last colon; with a stop string in it where the model does not stop by itself."""
        blank, rude, leak = map(draws.happens, (self.noise.blank, self.noise.rude, self.noise.leak))
        if blank:
            return ""
        text = self._rude(draws) if rude else self._utterance(chat, draws)
        if leak:
            text += f"{draws.pick((' ', chr(10)))}{chat.partner}: {self._question(chat, draws)}"
        return text if chat.spaced else f" {text}"

    def _utterance(self, chat: Chat, draws: Draws) -> str:
        own = chat.said_by(chat.speaker)
        if not own:
            return draws.pick(self.phrases.greeting_answers if chat.turns else self.phrases.greetings)
        if len(chat.turns) >= self.noise.closing and not any(text in self.phrases.goodbyes for text in own):
            return draws.pick(self.phrases.goodbyes)
        untold = self._untold(chat, chat.speaker)
        if untold and draws.happens(self.noise.telling):
            return self._tell(self._next(untold, chat, draws), chat, draws)
        return f"{draws.pick(self.phrases.acknowledgements)} {self._question(chat, draws)}"

    def _untold(self, chat: Chat, speaker: str) -> list[Fact]:
        """The speaker's persona sentences of which no utterance spoke yet, also not with another value."""
        said = chat.said_by(speaker)
        parts = [self.sentences.fact(part) for text in said for part in re.split(r"(?<=[.!?]) ", text)]
        told = {fact.leaf.leaf for fact in parts if fact.leaf and fact.leaf.exclusive}
        facts = [self.sentences.fact(text) for text in chat.personas.get(speaker, ())]
        return [
            fact
            for fact in facts
            if not (fact.leaf and fact.leaf.leaf in told) and not any(says(text, fact.value) for text in said)
        ]

    def _next(self, untold: Sequence[Fact], chat: Chat, draws: Draws) -> Fact:
        """The sentence that answers the partner's question if there is one, or any."""
        last = next(reversed(chat.said_by(chat.partner)), "")
        asked = {key for key, question in self.phrases.questions.items() if last.endswith(question)}
        return draws.pick([fact for fact in untold if fact.leaf and fact.leaf.key in asked] or untold)

    def _tell(self, fact: Fact, chat: Chat, draws: Draws) -> str:
        copied, contradicted, acknowledged, asks = map(
            draws.happens,
            (
                self.noise.copy_implicitly if chat.implicitly else self.noise.copy,
                self.noise.contradiction,
                0.5,
                0.5,
            ),
        )
        if copied:
            return fact.text
        statement = self._contradiction(fact, draws) if contradicted else self._in_other_words(fact, fact.value, draws)
        before, after = draws.pick(self.phrases.acknowledgements), self._question(chat, draws)
        text = statement
        if _fits(before, text) and (acknowledged or len(text.split()) < SHORTEST - len(after.split())):
            text = f"{before} {text}"
        if _fits(text, after) and (asks or len(text.split()) < SHORTEST):
            text = f"{text} {after}"
        return text

    def _in_other_words(self, fact: Fact, value: str, draws: Draws, opposite: bool = False) -> str:
        """Another sentence of the fact's leaf with this value, that is no copy and not too long if there is one."""
        frames = fact.leaf.templates if fact.leaf else self.phrases.rewordings
        if opposite:  # of sentences that begin with the subject of their verb
            frames = tuple(frame for frame in frames if frame.startswith(("I ", "My "))) or frames
        made = [frame.replace(SLOT, value) for frame in draws.shuffled(frames)]
        if opposite:
            made = [negated(text) for text in made]
        short = [text for text in made if len(text.split()) <= LONGEST] or made
        return next((text for text in short if overlap(text, fact.text) < COPIED), short[0])

    def _contradiction(self, fact: Fact, draws: Draws) -> str:
        """Another value where there can be one only, or the opposite."""
        if fact.leaf and fact.leaf.exclusive:
            others = [value for value in fact.leaf.values if not says(value, fact.value)]
            return self._in_other_words(fact, draws.pick(others), draws)
        return self._in_other_words(fact, fact.value, draws, opposite=True)

    def _question(self, chat: Chat, draws: Draws) -> str:
        """A question that nobody asked yet; for what the partner has to tell, if the prompt says what that is."""
        known = [fact.leaf.key for fact in self._untold(chat, chat.partner) if fact.leaf]
        questions = [self.phrases.questions[key] for key in known if key in self.phrases.questions]
        questions = questions or [*self.phrases.questions.values(), *self.phrases.follow_ups]
        said = " ".join(text for _, text in chat.turns)
        return draws.pick([question for question in questions if question not in said] or self.phrases.follow_ups)

    def _rude(self, draws: Draws) -> str:
        return draws.pick(self.phrases.rude).format(word=draws.pick(list(RUDE_WORDS)))


def _fits(one: str, other: str) -> bool:
    return len(one.split()) + len(other.split()) <= LONGEST
