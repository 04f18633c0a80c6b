"""The first stage: profile sentences of every category, filtered, and samples of them for judges."""

from typing import Any

from zoo.synthesis.folder import SynthesisFolder
from zoo.synthesis.funnel import Funnel
from zoo.synthesis.parts import Parts, build, watched
from zoo.synthesis.profiles.profile_filters import ProfileFilters
from zoo.synthesis.profiles.profile_gen import ProfileGen, RawLine
from zoo.synthesis.profiles.samples import samples_for_judges, write_samples
from zoo.synthesis.records import ProfileSentence, read_records, write_records

SENTENCES_RAW, SENTENCES, SAMPLES = "sentences_raw.jsonl", "sentences.jsonl", "sentences_for_judges.csv"


class SentencesStage:
    """Asks for sentences, filters them, draws samples. All is streamed: no file is ever in memory.

    Raises:
        UserError: a setting that is none.
    """

    name, after = "sentences", None

    def __init__(self, parts: Parts) -> None:
        self.parts, self.config = parts, parts.cfg.sentences
        self.demonstrations = build(self.config.demonstrations, taxonomy=parts.taxonomy)
        self.filters: ProfileFilters = build(
            self.config.filters, taxonomy=parts.taxonomy, scorer=parts.scorer("category")
        )
        self.generation = self.generation_with()

    @property
    def settings(self) -> dict[str, Any]:
        """What decides its outcome."""
        read = {"taxonomy": self.parts.taxonomy, "demonstrations": self.demonstrations}
        return self.parts.settings("sentences", ["category"], read, writes=True)

    def generation_with(self, prompt: dict[str, Any] | None = None, **changed: Any) -> ProfileGen:
        """The plan, with other settings of its prompt or of its own."""
        objects = {
            "taxonomy": self.parts.taxonomy,
            "demonstrations": self.demonstrations,
            "prompt": build(self.config.prompt, **(prompt or {})),
            "seed": self.parts.seed,
        }
        generation: ProfileGen = build(self.config.generation, **objects | changed)
        return generation

    def work(self, folder: SynthesisFolder) -> dict[str, Any]:
        """The funnel, completions, and answers asked and replayed.

        Raises:
            UserError: the model's or the scorer's.
        """
        model, total = self.parts.model, self.generation.n_requests * self.generation.per_prompt
        asked, replayed = model.asked, model.replayed
        raw = self.generation.raw_lines(model, self.config.filters.regex)
        write_records(folder.path / SENTENCES_RAW, watched(raw, total, self.name))
        funnel = Funnel("raw")
        kept = self.filters.kept(read_records(folder.path / SENTENCES_RAW, RawLine), funnel)
        write_records(folder.path / SENTENCES, kept)
        sentences = read_records(folder.path / SENTENCES, ProfileSentence)
        write_samples(
            folder.path / SAMPLES, samples_for_judges(sentences, self.config.samples_per_leaf, self.parts.seed)
        )
        return {
            "files": [SENTENCES_RAW, SENTENCES, SAMPLES],
            "funnel": funnel.to_dict(),
            "completions": self.generation.n_requests,
            "asked": model.asked - asked,
            "replayed": model.replayed - replayed,
        }
