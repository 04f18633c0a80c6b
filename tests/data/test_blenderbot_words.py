"""BlenderbotSmall's own tokenizer, which is not a fast one, under the templates."""

import json
import string
from pathlib import Path

import pytest
from transformers import AutoTokenizer, BlenderbotSmallConfig, PreTrainedTokenizerBase

from zoo.backbones import Backbone
from zoo.data.blenderbot_words import BlenderbotWords
from zoo.data.parlai_template import ParlaiTemplate
from zoo.data.records import DialogueExample
from zoo.data.template import DialogueTemplate
from zoo.errors import UserError

WORDS = ("your", "persona", "i", "sing", "hi", "hello", "cats", "like")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small vocabulary in the published format: special tokens, pieces with @@, merges with </w>."""
    place = tmp_path_factory.mktemp("blenderbot")
    pieces = ["__null__", "__start__", "__end__", "__unk__", "__newln__"]
    signs = [*string.ascii_lowercase, *string.punctuation, *string.digits]
    pieces += [*signs, *(f"{sign}@@" for sign in signs)]
    merges: list[str] = []
    for word in WORDS:
        left = word[0] if len(word) > 1 else f"{word}</w>"
        for place_of, sign in enumerate(word[1:], start=1):
            last = place_of == len(word) - 1
            right = f"{sign}</w>" if last else sign
            if f"{left} {right}" not in merges:
                merges.append(f"{left} {right}")
            left += right
            piece = left.removesuffix("</w>") if last else f"{left}@@"
            if piece not in pieces:
                pieces.append(piece)
    pieces += [f"filler{number}" for number in range(256)]
    (place / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}))
    (place / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (place / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BlenderbotSmallTokenizer"}))
    BlenderbotSmallConfig(vocab_size=len(pieces)).save_pretrained(place)
    return place


@pytest.fixture
def tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """As a backbone gives it."""
    return Backbone("blenderbot_small-90M", path=str(folder)).tokenizer()


EXAMPLE = DialogueExample(
    id="a/1",
    dialogue="a",
    persona=("I like cats.", "i sing"),
    history=("hi", "hello ! sing __end__"),
    history_by_responder=(True, False),
    response="i like __end__ cats",
)


def test_ids_are_those_of_transformers(tokenizer: PreTrainedTokenizerBase) -> None:
    words = BlenderbotWords(tokenizer)
    for text in ("Hi, I like cats!", " i sing ", "zebra", "don't", ""):
        assert words.encode(text).ids == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert words.encode_batch_fast(["hi", "i sing"])[1].ids == words.encode("i sing").ids
    assert len(words.encode("hi hello").ids) == 2, "the merges are used"


def test_special_tokens_in_somebodys_words_stay_words(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.eos_token_id in tokenizer("i sing __end__")["input_ids"]
    assert tokenizer.eos_token_id not in BlenderbotWords(tokenizer).encode("i sing __end__").ids


def test_lines_end_with_the_token_of_a_new_line(tokenizer: PreTrainedTokenizerBase) -> None:
    template = ParlaiTemplate(tokenizer)
    encoded = template.encode(EXAMPLE)
    persona, context = (tokenizer.convert_ids_to_tokens(ids) for ids in (encoded.persona, encoded.context))
    written = tokenizer.convert_tokens_to_string(persona)
    assert written == "your persona: i like cats . __newln__ your persona: i sing __newln__"
    assert context[:3] == ["hi", "__newln__", "hello"]
    assert (template.bos_id, template.eos_id, template.pad_id) == (1, 2, 0)
    assert encoded.response[-1] == 2
    assert encoded.response.count(2) == 1
    assert template.decode(encoded.response) == "i like __end__ cats"
    assert template.decode([*template.ids("hi"), 4, *template.ids("hello"), 2, 9]) == "hi\nhello"


def test_other_templates_read_it_too(tokenizer: PreTrainedTokenizerBase) -> None:
    template = DialogueTemplate(tokenizer, space_punctuation=False)
    encoded = template.encode(EXAMPLE)
    assert encoded.response[-1] == template.eos_id == tokenizer.convert_tokens_to_ids("[EOS]")
    with pytest.raises(UserError, match="leaves out every blank"):
        DialogueTemplate(tokenizer, lone_blanks=True)


def test_the_fingerprint_is_that_of_vocabulary_and_merges(folder: Path, tmp_path: Path) -> None:
    one = ParlaiTemplate(AutoTokenizer.from_pretrained(folder)).settings()["tokenizer_sha256"]
    assert one == ParlaiTemplate(AutoTokenizer.from_pretrained(folder)).settings()["tokenizer_sha256"]
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    lines = (tmp_path / "merges.txt").read_text().splitlines()
    (tmp_path / "merges.txt").write_text("\n".join([*lines[:-2], lines[-1], lines[-2]]) + "\n")
    assert one != ParlaiTemplate(AutoTokenizer.from_pretrained(tmp_path)).settings()["tokenizer_sha256"]


def test_another_slow_tokenizer_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(UserError, match="not a fast tokenizer"):
        DialogueTemplate(Slow())  # type: ignore[arg-type]
