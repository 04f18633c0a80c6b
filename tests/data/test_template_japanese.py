"""Japanese through the template: byte-level BPE, a Unigram tokenizer, and a SentencePiece model laid out as rinna's."""

import json
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import sentencepiece
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from zoo.backbones import Backbone, dialogue_tokenizer, mend_unknown_id
from zoo.data.examples import examples_from_dialogues
from zoo.data.records import Dialogue, DialogueExample, Speaker, Utterance
from zoo.data.template import ADDED_TOKENS, DialogueTemplate
from zoo.data.xpersona import read_xpersona

SAID = [
    "こんにちは、元気ですか？",
    "はい！ 私は2匹の犬を飼っています。",
    "いいですね。 犬の名前は何ですか？",
    "ポチとタマです。",
]
PERSONA = ("私は2匹の犬を飼っています。", "私は東京に住んでいます。")
RINNA = {  # tokenizer_config.json of rinna's models
    "tokenizer_class": "T5Tokenizer",
    "extra_ids": 0,
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "[PAD]",
    "bos_token": "<s>",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def own_dialogue() -> Dialogue:
    said = tuple(Utterance(turn % 2, text) for turn, text in enumerate(SAID))
    return Dialogue("own:1", (Speaker(), Speaker(persona=PERSONA)), said)


def real_dialogues(shared_data: Path, split: str) -> list[Dialogue]:
    return read_xpersona(shared_data / "xpersona_ja" / f"Jp_persona_split_{split}_human_annotated.json")


def texts_of(dialogues: Sequence[Dialogue]) -> list[str]:
    said = [utterance.text for dialogue in dialogues for utterance in dialogue.utterances]
    return said + [sentence for dialogue in dialogues for sentence in dialogue.speakers[1].persona]


def unigram(texts: Sequence[str], size: int) -> PreTrainedTokenizerFast:
    trained = Tokenizer(models.Unigram())
    trained.normalizer = normalizers.NFKC()
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=["<unk>", "</s>", "[PAD]"], unk_token="<unk>")
    trained.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=trained, unk_token="<unk>", eos_token="</s>", pad_token="[PAD]")


def rinna_folder(folder: Path, texts: Sequence[str], size: int, coverage: float) -> Path:
    """<unk> 0, <s> 1, </s> 2, [PAD] 3, [CLS] 4, [SEP] 5, [MASK] 6: the ids of rinna's models."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=str(folder / "spiece"),
        vocab_size=size,
        hard_vocab_limit=False,
        character_coverage=coverage,
        user_defined_symbols=["[PAD]", "[CLS]", "[SEP]", "[MASK]"],
        minloglevel=2,
    )
    (folder / "tokenizer_config.json").write_text(json.dumps(RINNA))
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    return folder


def one_width(text: str) -> str:
    """What a tokenizer that normalises to NFKC keeps of a text."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def round_trips(template: DialogueTemplate, examples: list[DialogueExample], kept: Callable[[str], str]) -> int:
    """Asserts that all words come back; returns the number of examples."""
    skipped = {*template.tokenizer.get_added_vocab().values()}
    for example, encoded in zip(examples, template.encode_all(examples), strict=True):
        assert template.decode(encoded.response) == kept(template.spaced(example.response))
        assert encoded.response.count(template.eos_id) == 1  # at the end, and nothing that a tokenizer appends
        assert encoded.response[-1] == template.eos_id
        said = template.tokenizer.decode([token for token in encoded.context if token not in skipped])
        assert "".join(said.split()) == "".join(kept("".join(example.history)).split())
        persona = template.tokenizer.decode([token for token in encoded.persona if token not in skipped])
        assert "".join(persona.split()) == "".join(kept("".join(example.persona)).split())
    return len(examples)


def test_byte_level_bpe_keeps_japanese(small_tokenizer):
    """Trained on English alone, as GPT-2's and the embedded one: a character is up to three tokens, none is lost."""
    template = DialogueTemplate(small_tokenizer())
    assert round_trips(template, examples_from_dialogues([own_dialogue()]), str.strip) == 2
    emoji = template.spaced("犬が好き😀　です")
    assert template.decode([*template.tokenizer.encode(emoji), template.eos_id]) == emoji


@pytest.mark.parametrize("added_tokens", [ADDED_TOKENS, ()])
def test_a_unigram_tokenizer_keeps_japanese(added_tokens):
    tokenizer = unigram([*SAID, *PERSONA] * 3, size=120)
    template = DialogueTemplate(tokenizer, added_tokens=added_tokens, separator="[SEP]" if added_tokens else "")
    if added_tokens:
        assert round_trips(template, examples_from_dialogues([own_dialogue()]), one_width) == 2
        return
    encoded = template.encode(examples_from_dialogues([own_dialogue()])[0])  # marks as text: here not in the vocabulary
    assert template.decode(encoded.response) == one_width(SAID[1])


def test_the_real_dialogues_through_a_unigram_tokenizer(shared_data):
    dialogues = real_dialogues(shared_data, "valid")
    template = DialogueTemplate(unigram(texts_of(dialogues), size=4000))
    assert round_trips(template, examples_from_dialogues(dialogues), one_width) == 2139


def test_what_a_rinna_tokenizer_does_not_know_ends_no_text(tmp_path):
    """transformers 5 gives T5's unknown id, 2, to every T5Tokenizer; there it is </s>."""
    folder = rinna_folder(tmp_path, [*SAID, *PERSONA] * 3, size=100, coverage=1.0)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rare = "犬と鱶です。"
    assert tokenizer.eos_token_id == 2
    assert tokenizer.encode(rare, add_special_tokens=False).count(2) == 1  # if this fails transformers mended it
    mend_unknown_id(tokenizer)
    original = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    assert tokenizer.encode(rare, add_special_tokens=False) == original.encode(rare)
    assert tokenizer.encode(rare, add_special_tokens=False).count(tokenizer.unk_token_id) == 1
    assert tokenizer.encode(rare)[-1] == 2  # the closing </s>, which a template leaves out
    template = DialogueTemplate(tokenizer, added_tokens=(), separator="")
    assert template.encode(examples_from_dialogues([own_dialogue()])[0]).response.count(2) == 1


def test_tokenizers_that_are_right_stay_as_they_are(shared_data, small_tokenizer):
    for tokenizer in (AutoTokenizer.from_pretrained(shared_data / "tokenizers" / "t5"), small_tokenizer()):
        before = tokenizer.backend_tokenizer.to_str()
        mend_unknown_id(tokenizer)
        assert tokenizer.backend_tokenizer.to_str() == before


def test_a_backbone_in_rinnas_layout_encodes_as_sentencepiece(shared_data, tmp_path):
    train, test = real_dialogues(shared_data, "valid"), real_dialogues(shared_data, "test")
    folder = rinna_folder(tmp_path, texts_of(train), size=2000, coverage=0.9995)
    backbone = Backbone("rinna", path=str(folder))
    tokenizer = backbone.tokenizer()
    original = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    texts = texts_of(test)  # with characters that it has never seen
    expected = original.encode(texts)
    assert [tokenizer.encode(text, add_special_tokens=False) for text in texts] == expected
    assert sum(original.unk_id() in ids for ids in expected) > 50
    template = DialogueTemplate(dialogue_tokenizer(backbone, ADDED_TOKENS))
    assert (template.sep_id, template.pad_id) == (5, 3)  # those that it has are not added again
    known = [
        example
        for example in examples_from_dialogues(test)
        if not any(0 in original.encode(text) for text in (*example.persona, *example.history, example.response))
    ]
    assert round_trips(template, known, one_width) > 500
