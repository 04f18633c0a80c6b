"""`ProfilePrompt`: what a language model is given to write five profile sentences (PersonaChatGen, Tables 12-13)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from zoo.errors import UserError
from zoo.synthesis.taxonomy import Leaf

Layout = Literal["code", "paper"]


@dataclass(frozen=True, slots=True)
class ProfilePrompt:
    r"""One category with five sentences as a demonstration, then the category to write for; the text ends in "1.".

    Args:
        layout: "code" puts `### ` before each category, which is what makes `###` end an answer, and a blank line
            after it; "paper", as Tables 12 and 13 are printed, neither. Both have a blank line before the target.
        shots: 1 demonstration, or 0, which the paper tried and found worse.

    Raises:
        UserError: another layout or number.

    >>> print(ProfilePrompt("paper", 0).text(Leaf("like_food", "PSYCHOGRAPHICS", ("Preference", "Food"), "food")))
    User's persona: Preference | Food
    Generate five profile sentences related to the given user's persona and the "food" in each sentence:
    1.
    """

    layout: Layout = "code"
    shots: int = 1

    def __post_init__(self) -> None:
        if self.layout not in get_args(Layout) or self.shots not in (0, 1):
            raise UserError(
                f"A profile prompt with layout={self.layout} and shots={self.shots} was asked for; expected the layout "
                f"{' or '.join(get_args(Layout))}, and 1 or 0 shots."
            )

    def text(self, target: Leaf, shown: Leaf | None = None, sentences: Sequence[tuple[str, str]] = ()) -> str:
        """The prompt for `target`.

        Args:
            target: the category to write for.
            shown: the demonstration's category; None where `shots` is 0.
            sentences: (sentence, value) of the demonstration, in order.
        """
        end = f"{self._head(target)}\n1."
        if self.shots == 0:
            return end
        assert shown is not None, "one shot needs a demonstration"
        lines = (f"{n}. {sentence} ({shown.key}: {value})" for n, (sentence, value) in enumerate(sentences, start=1))
        return "\n".join((self._head(shown), *lines, "", end))

    def _head(self, leaf: Leaf) -> str:
        before, after = ("### ", "\n") if self.layout == "code" else ("", "")
        return (
            f"{before}User's persona: {' | '.join(leaf.path)}\n{after}"
            "Generate five profile sentences related to the given user's persona "
            f'and the "{leaf.key}" in each sentence:'
        )
