"""The scorers of `zoo.scorers.text_scorers` by sequence-classification models in Hugging Face's format.

Each reads from the model's config which output is which, and refuses a model whose labels say something else.
Letters: N texts or pairs, L labels.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from zoo.errors import UserError
from zoo.scorers.base import Pair, fingerprint
from zoo.scorers.model_folders import file_hashes
from zoo.scorers.sequence_classifier import SequenceClassifier
from zoo.scorers.text_scorers import CategoryScorer, ContradictionScorer, ToxicityScorer
from zoo.scorers.transformers_nli import label_order

TEMPLATE = "This example is {label}."
_ENTAILED = ("entailment", "entail", "entails", "entailed")
_NOT_ENTAILED = ("not_entailment", "not entailment", "non_entailment", "contradiction")
_CONTRADICTION = ("contradiction", "contradict", "contradicts", "contradictory")
_TOXIC = ("toxicity", "toxic")


class ZeroShotCategory(CategoryScorer):
    """Zero-shot classification by NLI with one candidate label: the sentence is premise, the label fills a hypothesis.

    The probability is the softmax over the logits of contradiction and entailment, neutral left out: what the
    zero-shot pipeline of transformers computes for a single label (paper 003, filter 3 of ProfileGen).

    Args:
        path: a folder in Hugging Face's format, or a hub id, of an NLI model: with three labels, or with two,
            entailment and not_entailment (or contradiction).
        template: the hypothesis, in which {label} stands for the label.
        labels: what the outputs mean, for a model whose config only says LABEL_0, ...
        max_length: tokens of sentence and hypothesis together; of the longer one the end is cut off.
        batch_size: pairs in one forward, of similar lengths.
        device: "auto" (the current GPU where there is one) or torch's name of one.
        revision: of a hub id.

    Raises:
        UserError: no model there, its labels do not fit, or a template without {label}.
    """

    kind = "zero_shot_category"

    def __init__(
        self,
        path: str | Path | None,
        template: str = TEMPLATE,
        labels: Sequence[str] | None = None,
        max_length: int = 128,
        batch_size: int = 64,
        device: str = "auto",
        revision: str | None = None,
    ) -> None:
        if "{label}" not in template:
            raise UserError(f"category_scorer.template={template!r} was given; expected {{label}} in it: {TEMPLATE}")
        self.classifier = _classifier(path, "category", max_length, batch_size, device, revision)
        self.template = template
        self.order = _for_and_against(self.classifier, labels)  # outputs of contradiction, entailment
        self.identity = _identity(self.classifier, {"order": self.order, "template": template})

    def score(self, pairs: Sequence[Pair], /) -> Tensor:
        """See `TextScorer.score`.

        Raises:
            UserError: the model cannot be loaded, or gives numbers that are not finite.
        """
        hypotheses = [self.template.replace("{label}", label) for _, label in pairs]
        logits = self.classifier.logits([sentence for sentence, _ in pairs], hypotheses)  # [N, L]
        return logits[:, self.order].softmax(dim=-1)[:, 1]


class TransformersContradiction(ContradictionScorer):
    """Probability of contradiction by a detector with two labels, or by an NLI model with three; softmax over all.

    Args:
        path: a folder in Hugging Face's format, or a hub id. The paper has the DECODE detector
            ynie/roberta-large_conv_contradiction_detector_v0.
        labels: what the outputs mean, for a model whose config only says LABEL_0, ...: DECODE's are
            [no_contradiction, contradiction].
        max_length, batch_size, device, revision: see `ZeroShotCategory`.

    Raises:
        UserError: no model there, not two or three labels, or none that is declared as contradiction.
    """

    kind = "contradiction"

    def __init__(
        self,
        path: str | Path | None,
        labels: Sequence[str] | None = None,
        max_length: int = 128,
        batch_size: int = 64,
        device: str = "auto",
        revision: str | None = None,
    ) -> None:
        self.classifier = _classifier(path, "contradiction", max_length, batch_size, device, revision)
        self.output = _contradiction(self.classifier, labels)
        self.identity = _identity(self.classifier, {"output": self.output})

    def score(self, pairs: Sequence[Pair], /) -> Tensor:
        """See `TextScorer.score`.

        Raises:
            UserError: the model cannot be loaded, or gives numbers that are not finite.
        """
        logits = self.classifier.logits([premise for premise, _ in pairs], [hypothesis for _, hypothesis in pairs])
        return logits.softmax(dim=-1)[:, self.output]


class TransformersToxicity(ToxicityScorer):
    """Sigmoid of the output called toxic or toxicity, of a model whose labels are judged one by one.

    Args:
        path: a folder in Hugging Face's format, or a hub id. The paper's code has Detoxify's "original", whose weights
            are unitary/toxic-bert.
        labels: what the outputs mean, for a model whose config only says LABEL_0, ...
        max_length: tokens of a text; the end of a longer one is cut off.
        batch_size, device, revision: see `ZeroShotCategory`.

    Raises:
        UserError: no model there, not exactly one such label, or a model that chooses one of its labels.
    """

    kind = "toxicity"

    def __init__(
        self,
        path: str | Path | None,
        labels: Sequence[str] | None = None,
        max_length: int = 512,
        batch_size: int = 64,
        device: str = "auto",
        revision: str | None = None,
    ) -> None:
        self.classifier = _classifier(path, "toxicity", max_length, batch_size, device, revision)
        names = self.classifier.names(labels)
        outputs = [index for index, name in enumerate(names) if name in _TOXIC]
        if len(outputs) != 1 or self.classifier.config.problem_type == "single_label_classification":
            raise _wrong_labels(
                self.classifier, names, "one that is toxic or toxicity, of a multi-label model", "[toxic]"
            )
        self.output = outputs[0]
        self.identity = _identity(self.classifier, {"output": self.output})

    def score(self, texts: Sequence[str], /) -> Tensor:
        """See `TextScorer.score`.

        Raises:
            UserError: the model cannot be loaded, or gives numbers that are not finite.
        """
        return self.classifier.logits(texts)[:, self.output].sigmoid()


def _classifier(
    path: str | Path | None, what: str, max_length: int, batch_size: int, device: str, revision: str | None
) -> SequenceClassifier:
    if path is None:
        raise UserError(
            f"The {what} scorer has no model. Give {what}_scorer.path=FOLDER, or a hub id of a sequence-classification "
            f"model; {what}_scorer=lexical needs none."
        )
    return SequenceClassifier(
        str(path), f"{what} model", max_length, batch_size, device, revision, split_special_tokens=True
    )


def _identity(classifier: SequenceClassifier, settings: Mapping[str, object]) -> str:
    every = dict(settings) | {"max_length": classifier.max_length, "form": 1}
    return fingerprint(json.dumps(every, sort_keys=True), *file_hashes(classifier.folder))


def _for_and_against(classifier: SequenceClassifier, labels: Sequence[str] | None) -> list[int]:
    """Which output speaks against the hypothesis, and which for it."""
    names = classifier.names(labels)
    if len(names) == 3:
        entailment, _, contradiction = label_order(classifier.id2label, labels, classifier.path, _setting(classifier))
        return [contradiction, entailment]
    supports = [index for index, name in enumerate(names) if name in _ENTAILED]
    against = [index for index, name in enumerate(names) if name in _NOT_ENTAILED]
    if len(names) != 2 or len(supports) != 1 or len(against) != 1:
        expected = "those of NLI, or entailment and not_entailment"
        raise _wrong_labels(classifier, names, expected, "[contradiction,neutral,entailment]")
    return [against[0], supports[0]]


def _contradiction(classifier: SequenceClassifier, labels: Sequence[str] | None) -> int:
    """Which output says that the pair is contradictory."""
    names = classifier.names(labels)
    if len(names) == 3:
        return label_order(classifier.id2label, labels, classifier.path, _setting(classifier))[2]
    outputs = [index for index, name in enumerate(names) if name in _CONTRADICTION]
    if len(names) != 2 or len(outputs) != 1:
        expected = "those of NLI, or two of which one is contradiction"
        raise _wrong_labels(classifier, names, expected, "[no_contradiction,contradiction]")
    return outputs[0]


def _wrong_labels(classifier: SequenceClassifier, names: Sequence[str], expected: str, example: str) -> UserError:
    return UserError(
        f"The {classifier.what} {classifier.path} has the labels [{', '.join(names)}]; expected {expected}. Choose "
        f"another model, or say what its outputs mean, in their order, for example {_setting(classifier)}={example}."
    )


def _setting(classifier: SequenceClassifier) -> str:
    return classifier.what.split()[0] + "_scorer.labels"
