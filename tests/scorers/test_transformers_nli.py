"""Models in Hugging Face's format as scorers: which output is which, and that nothing around changes the numbers."""

import json
import shutil
from itertools import permutations
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tests.scorers.conftest import THINGS, save_bert
from zoo.errors import UserError
from zoo.scorers.base import LABELS
from zoo.scorers.record import Accuracy, ScorerRecord, write_record
from zoo.scorers.training import new_classifier
from zoo.scorers.transformers_nli import TransformersNli

PAIRS = [
    ("i like dogs", "i like dogs"),
    ("i like dogs and i do not like two cats and he hates songs . i have boats ?", "i hate cats"),
    ("", "i have two birds"),
    ("i have three maps . he likes trees", "i do not like boats and songs and trees and books"),
] + [(f"i like {a} and {b}", f"i hate {b}") for a in THINGS[:4] for b in THINGS[4:7]]


def by_hand(folder: Path) -> torch.Tensor:
    """Probabilities pair by pair, in the model's own order."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        rows = [model(**tokenizer(a, b, return_tensors="pt")).logits[0].softmax(-1) for a, b in PAIRS]
    return torch.stack(rows)


def test_columns_are_in_the_documented_order(classifier: Path) -> None:
    found = TransformersNli(classifier, batch_size=3).score(PAIRS)
    expected = by_hand(classifier)  # contradiction, entailment, neutral
    assert torch.allclose(found, expected[:, [1, 2, 0]], atol=1e-5)
    assert len(set(found.argmax(dim=1).tolist())) > 1
    assert not torch.allclose(found, expected, atol=0.05)


@pytest.mark.parametrize("names", permutations(("Entailment", " NEUTRAL", "contradiction")))
def test_the_config_says_which_is_which(classifier: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    save_bert(tmp_path, names)
    assert [names[n].strip().lower() for n in TransformersNli(tmp_path).order] == list(LABELS)


def test_usual_names_and_declared_ones(tmp_path: Path) -> None:
    assert TransformersNli(save_bert(tmp_path / "a", ("negative", "positive", "neutral"))).order == [1, 2, 0]
    nameless = save_bert(tmp_path / "b", ("LABEL_0", "LABEL_1", "LABEL_2"))
    declared = TransformersNli(nameless, labels=["neutral", "contradiction", "entailment"])
    assert declared.order == [2, 0, 1]
    assert declared.identity != TransformersNli(nameless, labels=["neutral", "entailment", "contradiction"]).identity
    with pytest.raises(UserError, match=r"not declared: its config's id2label, \[LABEL_0, LABEL_1, LABEL_2\]"):
        TransformersNli(nameless)
    for labels in (["neutral", "entailment"], ["neutral", "neutral", "entailment"], ["yes", "no", "maybe"]):
        with pytest.raises(UserError, match="not declared: labels="):
            TransformersNli(nameless, labels=labels)


@pytest.mark.parametrize(
    "names", [("entailment", "contradiction"), ("entailment", "neutral", "contradiction", "other")]
)
def test_exactly_three_labels(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match=f"has {len(names)} labels .*expected exactly three"):
        TransformersNli(save_bert(tmp_path, names))


def test_neither_batches_nor_order_nor_surroundings_matter(classifier: Path) -> None:
    expected = TransformersNli(classifier, batch_size=1).score(PAIRS)
    state = torch.get_rng_state()
    with torch.autocast("cpu", torch.bfloat16):
        found = TransformersNli(classifier, batch_size=5).score(PAIRS[::-1])
    assert torch.allclose(found.flip(0), expected, atol=1e-5)
    assert torch.equal(torch.get_rng_state(), state)
    torch.set_default_dtype(torch.bfloat16)
    try:
        assert torch.allclose(TransformersNli(classifier).score(PAIRS).float(), expected, atol=1e-5)
    finally:
        torch.set_default_dtype(torch.float32)
    assert TransformersNli(classifier).score([]).shape == (0, 3)


def test_the_longer_text_is_cut(classifier: Path) -> None:
    scorer = TransformersNli(classifier, max_length=16)
    long = "i like dogs and cats and cars and books and fish"
    # 16 tokens are 13 words beside [CLS] and two [SEP]: three for the hypothesis, ten for the premise
    cut = scorer.score([(" ".join(long.split()[:10]), "i hate maps")])
    assert torch.allclose(scorer.score([(long + " and trees" * 90, "i hate maps")]), cut, atol=1e-6)
    assert not torch.allclose(scorer.score([(long, "i hate songs")]), cut, atol=1e-6)


def test_identity_is_what_decides_the_numbers(classifier: Path, tmp_path: Path) -> None:
    first = TransformersNli(classifier)
    copied = Path(shutil.copytree(classifier, tmp_path / "copy"))
    assert TransformersNli(copied, batch_size=2, min_accuracy=0.1).identity == first.identity
    assert TransformersNli(copied, max_length=64).identity != first.identity
    weights = load_file(copied / "model.safetensors")
    weights["classifier.bias"][0] += 1
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    assert TransformersNli(copied).identity != first.identity
    vocabulary = shutil.copytree(classifier, tmp_path / "other") / "tokenizer.json"
    vocabulary.write_text(vocabulary.read_text().replace('"dogs"', '"hogs"'))
    assert TransformersNli(vocabulary.parent).identity != first.identity


@pytest.mark.parametrize(
    ("accuracy", "machine", "expected"),
    [
        (0.8843, False, None),
        (0.85, False, None),
        (0.84, False, "the NLI scorer has an accuracy of 0.8400 on dnli test (16,500 pairs), below 0.85"),
        (0.9, True, "the NLI scorer was trained on machine-made labels (dnli)"),
        (0.5, True, "the NLI scorer was trained on machine-made labels (dnli) and has an accuracy of"),
        (float("nan"), False, "is not a scorer's record"),
    ],
)
def test_what_the_record_says(
    classifier: Path, tmp_path: Path, accuracy: float, machine: bool, expected: str | None
) -> None:
    folder = Path(shutil.copytree(classifier, tmp_path / "model"))
    write_record(folder, ScorerRecord(Accuracy(accuracy, "dnli test", 16_500), machine, "dnli", {"note": 1}))
    if accuracy != accuracy:
        with pytest.raises(UserError, match=expected):
            TransformersNli(folder)
        return
    scorer = TransformersNli(folder)
    assert scorer.accuracy == Accuracy(accuracy, "dnli test", 16_500)
    assert scorer.caution is None if expected is None else scorer.caution.startswith(expected)
    assert scorer.identity == TransformersNli(classifier).identity  # what is known of it changes no number
    assert (TransformersNli(folder, min_accuracy=0.99).caution is None) is False


def test_unknown_accuracy(classifier: Path) -> None:
    scorer = TransformersNli(classifier)
    assert scorer.accuracy is None
    assert scorer.caution == f"the NLI scorer's accuracy is not known ({classifier} has no scorer.json)"


def test_an_encoder_without_a_trained_head_is_no_scorer(tmp_path: Path, encoder: Path) -> None:
    folder = Path(shutil.copytree(encoder, tmp_path / "encoder"))
    config = json.loads((folder / "config.json").read_text())
    names = {"0": "entailment", "1": "neutral", "2": "contradiction"}
    (folder / "config.json").write_text(json.dumps(config | {"id2label": names}))
    with pytest.raises(UserError, match=r"no trained classifier: it lacks classifier\.bias, classifier\.weight"):
        TransformersNli(folder).score(PAIRS)


def test_mistakes(classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no model. Give scorer.path=FOLDER"):
        TransformersNli(None)
    with pytest.raises(UserError, match=r"gone': no such folder\. Expected"):
        TransformersNli(tmp_path / "gone")
    with pytest.raises(UserError, match="no such folder, and the hub says"):
        TransformersNli("no/hub/id")
    with pytest.raises(UserError, match="is no model in Hugging Face's format"):
        TransformersNli(tmp_path)
    with pytest.raises(UserError, match="max_length=4"):
        TransformersNli(classifier, max_length=4)
    broken = Path(shutil.copytree(classifier, tmp_path / "broken"))
    weights = load_file(broken / "model.safetensors")
    weights["classifier.bias"][0] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="not finite"):
        TransformersNli(broken).score(PAIRS)
    (broken / "model.safetensors").unlink()
    with pytest.raises(UserError, match="holds no weights"):
        TransformersNli(broken)


def test_a_copy_that_is_not_whole(classifier: Path, tmp_path: Path) -> None:
    cut = Path(shutil.copytree(classifier, tmp_path / "cut")) / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-1000])
    with pytest.raises(UserError, match=r"could not be loaded: .*incomplete"):
        TransformersNli(cut.parent).score(PAIRS)
    wordless = Path(shutil.copytree(classifier, tmp_path / "wordless"))  # transformers would read all words as [UNK]
    for name in ("tokenizer.json", "vocab.txt"):
        (wordless / name).unlink()
    with pytest.raises(UserError, match=r"could not be loaded: its tokenizer knows no words"):
        TransformersNli(wordless).score(PAIRS)
    with pytest.raises(UserError, match=r"cannot be made an NLI scorer: its tokenizer knows no words"):
        new_classifier(str(wordless))
    with pytest.raises(UserError, match=r"cannot be made an NLI scorer: .*incomplete"):
        new_classifier(str(cut.parent))


def test_half_a_surrogate_pair_is_scored_too(classifier: Path) -> None:
    found = TransformersNli(classifier).score([("i like \udc80 dogs", "i like dogs"), ("i like ? dogs", "i like dogs")])
    assert torch.allclose(found[0], found[1], atol=1e-6)
