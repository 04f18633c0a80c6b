"""The first stage: profile sentences of every category, filtered, and samples of them for judges."""

from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.parts import Parts, build, watched
from zoo.synthesis.profile_filters import ProfileFilters
from zoo.synthesis.profile_gen import ProfileGen, RawLine
from zoo.synthesis.records import ProfileSentence, read_records, write_records
from zoo.synthesis.samples import samples_for_judges, write_samples

RAW, KEPT, SAMPLES = "sentences_raw.jsonl", "sentences.jsonl", "sentences_for_judges.csv"


def make_sentences(parts: Parts, folder: SynthesisFolder) -> dict[str, Any]:
    """Ask for them, filter them, draw samples. All is streamed: no file is ever in memory.

    Returns:
        The funnel, completions and answers asked and replayed.

    Raises:
        UserError: the model's or a scorer's; or nothing was left.
    """
    settings = parts.cfg.sentences
    generation: ProfileGen = generation_of(parts, settings)
    asked, replayed = parts.model.asked, parts.model.replayed
    raw = generation.raw_lines(parts.model, settings.filters.regex)
    write_records(folder.path / RAW, watched(raw, generation.n_requests * generation.per_prompt, "sentences"))
    filters = filters_of(parts, settings)
    funnel = Funnel("raw")
    write_records(folder.path / KEPT, filters.kept(read_records(folder.path / RAW, RawLine), funnel))
    kept = read_records(folder.path / KEPT, ProfileSentence)
    write_samples(folder.path / SAMPLES, samples_for_judges(kept, settings.samples_per_leaf, parts.cfg.seed))
    return {
        "files": [RAW, KEPT, SAMPLES],
        "funnel": funnel.to_dict(),
        "completions": generation.n_requests,
        "asked": parts.model.asked - asked,
        "replayed": parts.model.replayed - replayed,
    }


def generation_of(parts: Parts, settings: DictConfig, **changed: Any) -> ProfileGen:
    """The plan that `settings` (the section `sentences`) describes, with what is `changed` in it."""
    objects = {
        "taxonomy": parts.taxonomy,
        "demonstrations": build(settings.demonstrations, taxonomy=parts.taxonomy),
        "prompt": instantiate(settings.prompt),
        "seed": parts.cfg.seed,
    }
    generation: ProfileGen = build(settings.generation, **objects | changed)
    return generation


def filters_of(parts: Parts, settings: DictConfig) -> ProfileFilters:
    """The filters that `settings` (the section `sentences`) describes."""
    filters: ProfileFilters = build(settings.filters, taxonomy=parts.taxonomy, scorer=parts.category)
    return filters
