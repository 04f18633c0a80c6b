"""`Start`: what was typed with the command, for every visitor of the page to begin with."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UserError
from zoo.people.chat.decoding import Settings, read_settings

if TYPE_CHECKING:
    from zoo.scorers.base import NliScorer


@dataclass
class Start:
    """Who answers first, and how.

    Args:
        persona: sentences.
        user: id.
        seed: of drawn replies.
        decoding: `temperature=0.7`, ...
        scorer: folder of an NLI model; None takes rules over words.

    Raises:
        UserError: a setting that does not exist or has no such value, or no model in the scorer's folder.
    """

    persona: Sequence[str] = ()
    user: str = ""
    seed: int = 0
    decoding: Sequence[str] = ()
    scorer: Path | None = None

    def __post_init__(self) -> None:
        self.settings: Settings = read_settings(self.decoding)
        if self.scorer is not None and not (self.scorer / "config.json").is_file():
            raise UserError(
                f"--scorer {self.scorer} was given, but there is no {self.scorer / 'config.json'}; expected a folder "
                "that python -m zoo.scorers printed, or another NLI model in Hugging Face's format."
            )

    def nli(self) -> "NliScorer":
        """What says whether a reply agrees with a persona sentence; read once.

        Raises:
            UserError: there is no such model.
        """
        return self._nli

    @cached_property
    def _nli(self) -> "NliScorer":
        from zoo.people.chat.agreement import scorer_of

        return scorer_of(self.scorer)

    def told(self, scorer: "NliScorer") -> str:
        """Which scorer it is, as HTML."""
        from zoo.people.chat.shown import words

        caution = f" ({scorer.caution})" if scorer.caution else ""
        return f'<p class="zoo-scorer">Agreement with persona sentences: {words(scorer.description + caution)}.</p>'
