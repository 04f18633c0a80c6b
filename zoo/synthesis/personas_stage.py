"""The second stage: sentences that fit together become personas (CoNL)."""

from typing import Any

from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.pair_scores import PairScores
from zoo.synthesis.parts import Parts, build
from zoo.synthesis.persona_sets import PersonaSets
from zoo.synthesis.records import ProfileSentence, read_records, write_records
from zoo.synthesis.sentences_stage import KEPT

SETS = "personas.jsonl"


def make_personas(parts: Parts, folder: SynthesisFolder) -> dict[str, Any]:
    """Draw persona sets of the sentences that were kept.

    Returns:
        The sets' report.

    Raises:
        UserError: too few sentences for one set, or the scorer's.
    """
    settings = parts.cfg.personas
    conl = build(settings.conl, scores=PairScores(parts.contradiction))
    maker: PersonaSets = build(settings.sets, taxonomy=parts.taxonomy, conl=conl, seed=parts.cfg.seed)
    sets, report = maker.make(read_records(folder.path / KEPT, ProfileSentence))
    write_records(folder.path / SETS, sets)
    return {"files": [SETS], "report": report.to_dict()}
