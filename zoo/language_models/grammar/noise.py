"""`Noise`: how often the grammar does what a large language model does wrong, and how varied it is."""

from dataclasses import dataclass, fields
from math import isfinite

from zoo.errors import UserError


@dataclass(frozen=True, slots=True)
class Noise:
    """All settings of `GrammarLm`; probabilities unless they say otherwise.

    "Table n" is the paper's; the defaults from there make the grammar fail where GPT-3 failed. Those marked (choice)
    have no source. The measured rates stand in conf/language_model/grammar.yaml.

    Args:
        malformed: a profile line lacks what the regular expression of App. J looks for. 1 - 0.9376 of Table 1.
        absent: the value in a well-formed line's brackets is not in its sentence. 1 - 0.631 of Table 1.
        other_category: a sentence with its value in it is about another category. 1 - 0.810 of Table 1.
        skew: not a probability; the r-th value and template of a leaf are drawn with a weight of r ** -skew, so that
            sentences repeat. Set, with `decorated`, to repeat 54.6 % of Table 1's third row at 73,950 sentences.
        decorated: a sentence has a word or two before or after its template ("Honestly, ...").
        short_list: a list ends after one to four lines, each as likely. 48 of 73,950 lines are missing in the paper.
        run_on: after its five lines the answer begins the next block, for the stop string to cut (choice).
        copy: an utterance that tells a persona sentence repeats it word for word, where the prompt does not say
            "implicitly" (RAW). Figure 2 shows much more copying there, without numbers (choice).
        copy_implicitly: the same where it does (RAW+): 73.1 % of dialogues have at most one copy a speaker (Table 2).
        contradiction: an utterance that tells a persona sentence, and does not copy it, contradicts it. 62.9 % of
            dialogues have none (Table 2).
        rude: an utterance has a word of `RUDE_WORDS`, six of thirteen of which weigh above the filter's 0.7. 98.4 % of
            dialogues have none of these six (Table 2).
        blank: an utterance is empty; the released code keeps such ones (choice).
        leak: the answer goes on with the partner's line, for the stop strings to cut (choice).
        telling: a turn between greeting and goodbye tells a persona sentence while one is untold (choice).
        closing: not a probability; the number of utterances before the first goodbye. 14 of the paper's 16.
    """

    malformed: float = 0.0624
    absent: float = 0.369
    other_category: float = 0.190
    skew: float = 0.75
    decorated: float = 0.25
    short_list: float = 0.0013
    run_on: float = 0.1
    copy: float = 0.4
    copy_implicitly: float = 0.15
    contradiction: float = 0.056
    rude: float = 0.0022
    blank: float = 0.002
    leak: float = 0.02
    telling: float = 0.85
    closing: float = 14

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
            most = {"skew": 10.0, "closing": 1e9}.get(field.name, 1.0)
            if not number or not 0 <= value <= most:
                raise UserError(f"language_model.{field.name}={value} was given; expected a number from 0 to {most:g}.")
            object.__setattr__(self, field.name, float(value))  # 0 and 0.0 are one setting, for an identity too
