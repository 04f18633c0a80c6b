"""Lines of persona and dialogue, as ParlAI's agents read them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hydra.utils import instantiate
from omegaconf import DictConfig
from transformers import PreTrainedTokenizerBase

from tests.conftest import ADDED_TOKENS
from zoo.backbones import Backbone
from zoo.data.parlai_template import ParlaiTemplate
from zoo.data.records import DialogueExample
from zoo.errors import UserError

EXAMPLE = DialogueExample(
    id="a/1",
    dialogue="a",
    persona=("i have two dogs .", "i sing ."),
    partner_persona=("i bake .",),
    history=("hi there .", "hello , how are you ?", "fine ."),
    history_by_responder=(False, True, False),
    response="good .",
)


@pytest.fixture
def tokenizer(tiny: Backbone) -> PreTrainedTokenizerBase:
    """A byte-level BPE, one token of which is a new line."""
    return tiny.tokenizer()


def read(template: ParlaiTemplate, example: DialogueExample) -> str:
    """What an encoder reads, in words, without the blank that stands before each piece."""
    encoded = template.encode(example)
    text = template.tokenizer.decode([*encoded.persona, *encoded.context], clean_up_tokenization_spaces=False)
    return "\n".join(line.strip() for line in text.split("\n"))


def test_lines_of_persona_then_of_turns(tokenizer: PreTrainedTokenizerBase) -> None:
    template = ParlaiTemplate(tokenizer)
    expected = "your persona: i have two dogs .\nyour persona: i sing .\nhi there .\nhello , how are you ?\nfine ."
    assert read(template, EXAMPLE) == expected
    assert f"{template.persona_text(EXAMPLE)}\n{template.context_text(EXAMPLE)}" == expected
    assert template.decode(template.encode(EXAMPLE).response) == "good ."
    assert len(tokenizer) == template.vocab_size, "nothing is added"
    assert tokenizer.get_added_vocab().keys().isdisjoint(ADDED_TOKENS)


def test_whose_persona_is_shown(tokenizer: PreTrainedTokenizerBase) -> None:
    first = {
        persona: read(ParlaiTemplate(tokenizer, persona=persona), EXAMPLE).split("hi there")[0]
        for persona in ("self", "partner", "both", "none")
    }
    own = "your persona: i have two dogs .\nyour persona: i sing .\n"
    assert first == {"self": own, "partner": "partner's persona: i bake .\n",
                     "both": own + "partner's persona: i bake .\n", "none": ""}  # fmt: skip
    with pytest.raises(UserError, match="expected one of self, partner"):
        ParlaiTemplate(tokenizer, persona="id")  # type: ignore[arg-type]


def test_an_opening_ends_with_the_persona(tokenizer: PreTrainedTokenizerBase) -> None:
    opening = replace(EXAMPLE, history=(), history_by_responder=())
    assert read(ParlaiTemplate(tokenizer), opening).endswith("\nyour persona: i sing .")


def test_the_oldest_turns_go_and_the_persona_stays(tokenizer: PreTrainedTokenizerBase) -> None:
    whole = ParlaiTemplate(tokenizer).encode(EXAMPLE)
    room = len(whole.persona) + len(whole.context)
    assert not ParlaiTemplate(tokenizer, max_text_tokens=room).encode(EXAMPLE).truncated
    cut = ParlaiTemplate(tokenizer, max_text_tokens=room - 1)
    encoded = cut.encode(EXAMPLE)
    assert encoded.truncated
    assert encoded.persona == whole.persona
    assert read(cut, EXAMPLE).endswith("sing .\nhello , how are you ?\nfine .")
    with pytest.raises(UserError, match="leaves no room for what was said"):
        ParlaiTemplate(tokenizer, max_text_tokens=len(whole.persona) + 2).encode(EXAMPLE)


def test_a_tokenizer_without_a_new_line_is_told_so(shared_data: object) -> None:
    from transformers import AutoTokenizer

    folder = str(shared_data / "tokenizers" / "t5")  # type: ignore[operator]
    with pytest.raises(UserError, match="has no token for a new line"):
        ParlaiTemplate(AutoTokenizer.from_pretrained(folder))
    template = ParlaiTemplate(AutoTokenizer.from_pretrained(folder), added_tokens=["__newln__"])
    newline = template.tokenizer.convert_tokens_to_ids("__newln__")
    encoded = template.encode(EXAMPLE)
    assert [*encoded.persona, *encoded.context].count(newline) == 4
    assert template.decode([*template.ids("hi"), newline, *template.ids("you"), template.eos_id]) in (
        "hi\nyou",
        "hi you",
    )


def test_settings_tell_what_decides_the_ids(composed: Callable[..., DictConfig]) -> None:
    cfg = composed("template=parlai", "model=finetune", "backbone=tiny-blenderbot", "data=demo")
    template = instantiate(cfg.template)
    assert (template.max_context_tokens, template.max_response_tokens, template.persona) == (512, 128, "self")
    assert template.settings() != instantiate(cfg.template, max_text_tokens=400).settings()
