"""`TransformersNli`: any sequence-classification encoder in Hugging Face's format as an NLI scorer."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from zoo.errors import UserError
from zoo.scorers.base import LABELS, NliScorer, Pair, fingerprint
from zoo.scorers.model_folders import file_hashes
from zoo.scorers.record import FILE, MIN_ACCURACY, caution, read_record
from zoo.scorers.sequence_classifier import SequenceClassifier

_NAMES = {
    "entailment": ("entailment", "entail", "entails", "entailed", "positive"),
    "neutral": ("neutral",),
    "contradiction": ("contradiction", "contradict", "contradicts", "contradictory", "negative"),
}


class TransformersNli(NliScorer):
    """Scores with a model of `AutoModelForSequenceClassification`: premise first, hypothesis second, softmax in fp32.

    Reads config and files when made, so that mistakes show at once; weights load with the first pair. Autocast and the
    caller's default dtype do not reach it.

    Args:
        path: a folder in Hugging Face's format, or a hub id.
        labels: what the model's outputs 0, 1, 2 mean, for a model whose config only says LABEL_0, ...; where both say
            something this one holds.
        max_length: tokens of both texts together; of the longer one the end is cut off.
        batch_size: pairs in one forward, of similar lengths.
        device: "auto" (the current GPU where there is one) or torch's name of one.
        min_accuracy: below it, scores carry a caution.
        revision: of a hub id.

    Raises:
        UserError: no model there, not exactly three labels, or an order of labels that is not declared.
    """

    kind = "nli"

    def __init__(
        self,
        path: str | Path | None,
        labels: Sequence[str] | None = None,
        max_length: int = 128,
        batch_size: int = 64,
        device: str = "auto",
        min_accuracy: float = MIN_ACCURACY,
        revision: str | None = None,
    ) -> None:
        if path is None:
            raise UserError(
                "The NLI scorer has no model. Give scorer.path=FOLDER, as printed by python -m zoo.scorers, or a hub "
                "id of a sequence-classification model with three labels; scorer=lexical needs none."
            )
        self.path = str(path)
        self.classifier = SequenceClassifier(self.path, "NLI model", max_length, batch_size, device, revision)
        self.order = label_order(self.classifier.id2label, labels, self.path)
        settings = {"order": self.order, "max_length": max_length, "truncation": "longest_first", "form": 1}
        self.identity = fingerprint(json.dumps(settings, sort_keys=True), *file_hashes(self.classifier.folder))
        record = read_record(self.classifier.folder)
        self.accuracy = record.accuracy if record else None
        self.caution = caution(record, min_accuracy)
        if record is None:
            self.caution = f"{self.caution} ({self.path} has no {FILE})"

    def score(self, pairs: Sequence[Pair]) -> Tensor:
        """Probabilities [N, 3]; see `zoo.scorers.base.NliScorer`.

        Raises:
            UserError: the model cannot be loaded, or gives numbers that are not finite.
        """
        premises, hypotheses = [premise for premise, _ in pairs], [hypothesis for _, hypothesis in pairs]
        return self.classifier.logits(premises, hypotheses)[:, self.order].softmax(dim=-1)


def label_order(
    id2label: Mapping[int, str], labels: Sequence[str] | None, path: str, setting: str = "scorer.labels"
) -> list[int]:
    """Which output of a model is entailment, which neutral, which contradiction: indices in the order of `LABELS`.

    Args:
        id2label: of the model's config.
        labels: names of outputs 0, 1, 2 that hold instead.
        path: for messages.
        setting: what of the configuration declares them, for messages.

    Raises:
        UserError: not three labels, or names that do not say which is which.
    """
    if len(id2label) != 3:
        raise UserError(
            f"The NLI model {path} has {len(id2label)} labels ({', '.join(map(str, id2label.values()))}); expected "
            f"exactly three: {', '.join(LABELS)}."
        )
    names = [str(id2label[index]) for index in sorted(id2label)] if labels is None else [str(name) for name in labels]
    meanings = [next((key for key, known in _NAMES.items() if name.strip().lower() in known), None) for name in names]
    if sorted(map(str, meanings)) != sorted(LABELS):
        source = "labels=" if labels is not None else "its config's id2label, "
        raise UserError(
            f"What the three outputs of the NLI model {path} mean is not declared: {source}[{', '.join(names)}]. Say "
            f"it in their order, for example {setting}=[contradiction,neutral,entailment]."
        )
    return [meanings.index(label) for label in LABELS]
