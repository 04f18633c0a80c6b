"""The second stage: sentences that fit together become personas (CoNL)."""

from typing import Any

from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.parts import Parts, build
from zoo.synthesis.personas.pair_scores import PairScores
from zoo.synthesis.personas.persona_sets import PersonaSets
from zoo.synthesis.records import ProfileSentence, read_records, write_records
from zoo.synthesis.sentences_stage import SENTENCES

SETS = "personas.jsonl"


class PersonasStage:
    """Draws persona sets of the sentences that were kept.

    Raises:
        UserError: a setting that is none.
    """

    name, after = "personas", "sentences"

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        conl = build(parts.cfg.personas.conl, scores=PairScores(parts.scorer("contradiction")))
        self.maker: PersonaSets = build(parts.cfg.personas.sets, taxonomy=parts.taxonomy, conl=conl, seed=parts.seed)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides its outcome."""
        return self.parts.settings("personas", ["contradiction"], {"taxonomy": self.parts.taxonomy}, writes=False)

    def work(self, folder: SynthesisFolder) -> dict[str, Any]:
        """The sets' report.

        Raises:
            UserError: too few sentences for one set, or the scorer's.
        """
        sets, report = self.maker.make(read_records(folder.path / SENTENCES, ProfileSentence))
        write_records(folder.path / SETS, sets)
        return {"files": [SETS], "report": report.to_dict()}
