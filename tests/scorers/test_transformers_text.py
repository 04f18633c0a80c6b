"""Category, contradiction and toxicity by models in Hugging Face's format, held against their own logits."""

import json
from functools import lru_cache
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BartConfig,
    BartForSequenceClassification,
    BartTokenizer,
)

from tests.scorers.conftest import THINGS, save_bert
from zoo.errors import UserError
from zoo.scorers.transformers_text import TransformersContradiction, TransformersToxicity, ZeroShotCategory

BART_LABELS = ("contradiction", "neutral", "entailment")
TOXIC_LABELS = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
SENTENCES = ["i like dogs", "", "i have three maps . he likes trees and songs and two cats", "i hate birds"]
PAIRS = [(text, thing) for text in SENTENCES for thing in THINGS[:5]]


@lru_cache
def loaded(folder: Path) -> tuple:
    return AutoTokenizer.from_pretrained(folder), AutoModelForSequenceClassification.from_pretrained(folder).eval()


def logits_by_hand(folder: Path, *texts: str) -> torch.Tensor:
    """[labels], one text or pair at a time."""
    tokenizer, model = loaded(folder)
    with torch.no_grad():
        return model(**tokenizer(*texts, return_tensors="pt")).logits[0]


@pytest.fixture(scope="module")
def bart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BART of width 32 with a byte-level vocabulary and the labels of facebook/bart-large-mnli."""
    folder = tmp_path_factory.mktemp("bart")
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words = Tokenizer(models.BPE(unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=specials, initial_alphabet=alphabet)
    words.train_from_iterator(SENTENCES, trainer)
    model = json.loads(words.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("\n".join(" ".join(pair) for pair in model["merges"]))
    tokenizer = BartTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(folder)
    shape = {f"{part}_{what}": n for part in ("encoder", "decoder")
             for what, n in (("layers", 1), ("ffn_dim", 32), ("attention_heads", 2))}  # fmt: skip
    config = BartConfig(vocab_size=len(tokenizer), d_model=32, max_position_embeddings=160, init_std=0.4, **shape)
    config.id2label, config.label2id = dict(enumerate(BART_LABELS)), {name: n for n, name in enumerate(BART_LABELS)}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BartForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_one_label_is_entailment_against_contradiction(bart: Path) -> None:
    scorer = ZeroShotCategory(bart, batch_size=3)
    expected = []
    for sentence, label in PAIRS:
        against, _, supports = logits_by_hand(bart, sentence, f"This example is {label}.").tolist()
        expected.append(1 / (1 + torch.tensor(against - supports).exp().item()))
    found = scorer.score(PAIRS)
    assert found.dtype == torch.float32
    assert found.tolist() == pytest.approx(expected, abs=1e-5)
    assert found.std() > 0.01
    assert scorer.score([]).shape == (0,)


@pytest.mark.parametrize("names", [("entailment", "neutral", "contradiction"), ("not_entailment", "entailment")])
def test_the_config_says_what_entails(tmp_path: Path, names: tuple[str, ...]) -> None:
    folder = save_bert(tmp_path, names)
    supports = names.index("entailment")
    against = 0 if names[0] == "not_entailment" else 2
    scorer = ZeroShotCategory(folder, template="i have {label}")
    for sentence, label in PAIRS[:4]:
        logits = logits_by_hand(folder, sentence, f"i have {label}")
        expected = logits[[against, supports]].softmax(0)[1]
        assert scorer.score([(sentence, label)]).item() == pytest.approx(expected.item(), abs=1e-5)
    other = ZeroShotCategory(folder, template="i like {label}")
    assert other.identity != scorer.identity
    assert not torch.allclose(other.score(PAIRS), scorer.score(PAIRS), atol=1e-3)


@pytest.mark.parametrize("labels", [["contradiction", "no_contradiction"], ["no_contradiction", "contradiction"]])
def test_a_detector_with_two_labels(tmp_path: Path, labels: list[str]) -> None:
    folder = save_bert(tmp_path, ("LABEL_0", "LABEL_1"))
    with pytest.raises(UserError, match=r"labels \[label_0, label_1\]; expected .* contradiction_scorer\.labels="):
        TransformersContradiction(folder)
    expected = [logits_by_hand(folder, *pair).softmax(0)[labels.index("contradiction")].item() for pair in PAIRS]
    found = TransformersContradiction(folder, labels=labels, batch_size=3).score(PAIRS)
    assert found.tolist() == pytest.approx(expected, abs=1e-5)
    assert found.std() > 0.01


def test_an_nli_model_as_a_detector(classifier: Path, bart: Path) -> None:
    for folder in (classifier, bart):  # contradiction is the first output of both
        expected = [logits_by_hand(folder, *pair).softmax(0)[0].item() for pair in PAIRS]
        found = TransformersContradiction(folder).score(PAIRS)
        assert found.tolist() == pytest.approx(expected, abs=1e-5)
    turned = TransformersContradiction(classifier).score([(b, a) for a, b in PAIRS])
    assert not torch.allclose(turned, TransformersContradiction(classifier).score(PAIRS), atol=1e-2)


@pytest.mark.parametrize("names", [TOXIC_LABELS, (*TOXIC_LABELS[1:], " Toxicity"), ("toxicity",)])
def test_toxicity_is_the_sigmoid_of_its_own_output(tmp_path: Path, names: tuple[str, ...]) -> None:
    folder = save_bert(tmp_path, names)
    output = [name.strip().lower() in ("toxic", "toxicity") for name in names].index(True)
    expected = [logits_by_hand(folder, text)[output].sigmoid().item() for text in SENTENCES]
    found = TransformersToxicity(folder, batch_size=3).score(SENTENCES)
    assert found.tolist() == pytest.approx(expected, abs=1e-5)
    assert found.std() > 0.01
    assert TransformersToxicity(folder).score([]).shape == (0,)


def test_neither_batches_nor_order_matter(bart: Path, classifier: Path) -> None:
    for scorer, single in (
        (ZeroShotCategory(bart, batch_size=7), ZeroShotCategory(bart, batch_size=1)),
        (TransformersContradiction(classifier, batch_size=7), TransformersContradiction(classifier, batch_size=1)),
    ):
        assert torch.allclose(scorer.score(PAIRS[::-1]).flip(0), single.score(PAIRS), atol=1e-5)
        assert scorer.identity == single.identity


def test_written_out_special_tokens_are_words(bart: Path) -> None:
    """BART reads its verdict at its last end token, and refuses a batch in which texts have different numbers of it."""
    scorer = ZeroShotCategory(bart)
    odd = ("i like </s> dogs", "dogs")
    assert torch.allclose(scorer.score([odd, *PAIRS])[1:], scorer.score(PAIRS), atol=1e-5)
    assert not torch.allclose(scorer.score([odd]), scorer.score([("i like  dogs", "dogs")]), atol=1e-5)


def test_long_texts_are_cut(classifier: Path, tmp_path: Path) -> None:
    long = " ".join(["i like dogs and cats"] * 2_000)
    assert TransformersContradiction(classifier).score([(long, "i hate dogs"), ("a", long)]).isfinite().all()
    folder = save_bert(tmp_path, ("toxic", "insult"))
    assert TransformersToxicity(folder, max_length=128).score([long]).isfinite().all()


def test_models_with_other_labels_are_refused(tmp_path: Path) -> None:
    sentiment = save_bert(tmp_path / "a", ("negative", "positive"))
    with pytest.raises(UserError, match=r"category model .*labels \[negative, positive\]; expected those of NLI"):
        ZeroShotCategory(sentiment)
    with pytest.raises(UserError, match=r"contradiction model .*labels \[negative, positive\]; expected"):
        TransformersContradiction(sentiment)
    with pytest.raises(UserError, match=r"toxicity model .*labels \[negative, positive\]; expected one that is toxic"):
        TransformersToxicity(sentiment)
    with pytest.raises(UserError, match=r"labels=\[toxic\] was given .* has 2 outputs"):
        TransformersToxicity(sentiment, labels=["toxic"])
    three = save_bert(tmp_path / "b", ("LABEL_0", "LABEL_1", "LABEL_2"))
    for scorer, setting in ((ZeroShotCategory, "category"), (TransformersContradiction, "contradiction")):
        with pytest.raises(UserError, match=rf"not declared.*{setting}_scorer\.labels=\["):
            scorer(three)
        scorer(three, labels=BART_LABELS)
    either = save_bert(tmp_path / "c", ("neutral", "toxic"))
    config = json.loads((either / "config.json").read_text())
    (either / "config.json").write_text(json.dumps(config | {"problem_type": "single_label_classification"}))
    with pytest.raises(UserError, match="expected one that is toxic"):  # a softmax over both is no sigmoid
        TransformersToxicity(either)


def test_mistakes(classifier: Path, encoder: Path) -> None:
    for scorer in (ZeroShotCategory, TransformersContradiction, TransformersToxicity):
        with pytest.raises(UserError, match=r"_scorer\.path=FOLDER.*_scorer=lexical needs none"):
            scorer(None)
        with pytest.raises(UserError, match="batch_size=0"):
            scorer(classifier, batch_size=0)
        with pytest.raises(UserError, match="no such folder"):
            scorer("/not/there")
    with pytest.raises(UserError, match=r"template='It is it\.'"):
        ZeroShotCategory(classifier, template="It is it.")
    with pytest.raises(UserError, match="is no trained classifier"):
        TransformersContradiction(encoder, labels=["no_contradiction", "contradiction"]).score([("a", "b")])
