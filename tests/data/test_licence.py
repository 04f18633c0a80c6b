import json

import pytest

from zoo.data.corpora import ConvAI2Corpus
from zoo.data.datamodule import DialogueDataModule
from zoo.data.jsonl import write_jsonl
from zoo.data.licence import NTT_EVALUATION, Licence, refuse_to_publish
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError

FREE = Licence("CC BY 4.0")


def test_the_reason_is_given():
    with pytest.raises(UserError, match=r"may not be published.*NTT.*LICENSE\.md.*evaluation only.*train on data"):
        refuse_to_publish({"corpus": "a", "licence": NTT_EVALUATION.describe()})


@pytest.mark.parametrize("record", [{}, [], {"corpus": "jsonl"}, {"licence": FREE.describe()}, {"licence": "MIT"}])
def test_nothing_is_refused_without_a_reason(record):
    refuse_to_publish(record)


def test_one_of_several_sources_is_enough():
    sources = [{"licence": FREE.describe()}, {"sources": ({"licence": NTT_EVALUATION.describe()},)}]
    with pytest.raises(UserError, match="NTT"):
        refuse_to_publish({"splits": {"train": {"corpus": {"sources": sources}}}})


def test_it_is_in_what_a_run_writes_down(tmp_path, twelve, small_tokenizer):
    """As provenance.json: through a datamodule, through JSON, and still refused."""

    class Lent:
        def load(self, split):
            return twelve

        def describe(self, split):
            return {"corpus": "lent", "files": {}, "licence": NTT_EVALUATION.describe()}

    write_jsonl(twelve, tmp_path / "train.jsonl")
    data = DialogueDataModule(Lent(), DialogueTemplate(small_tokenizer()), cache_dir=tmp_path)
    data.setup("fit")
    with pytest.raises(UserError, match="NTT"):
        refuse_to_publish(json.loads(json.dumps({"data": data.provenance()})))


def test_corpora_say_their_licence(twelve_file):
    corpus = ConvAI2Corpus(twelve_file.parent, train_file=twelve_file)
    assert (corpus.licence.name, corpus.may_publish_models) == ("CC BY 4.0", True)
    assert corpus.describe("train")["licence"]["name"] == "CC BY 4.0"
    refuse_to_publish(corpus.describe("train"))
