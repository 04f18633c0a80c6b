"""The template: layout, injection, truncation, orders, decoding, and parity of `fixed` and `reference` on real data."""

import inspect
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from transformers import AutoTokenizer

from zoo.data.convai2 import read_convai2
from zoo.data.examples import examples_from_dialogues
from zoo.data.records import DialogueExample
from zoo.data.template import ADDED_TOKENS, DialogueTemplate, add_dialogue_tokens
from zoo.errors import UserError

EXAMPLE = DialogueExample(
    id="d/3",
    dialogue="d",
    persona=("i sing.", "i bake rye bread."),
    partner_persona=("i drive a tram.",),
    history=("hello ,who are you?", "not very .", "do you like music ?"),
    history_by_responder=(False, True, False),
    response="yes , old songs .",
    candidates=("no .", "yes , old songs ."),
)


def changed(**values) -> DialogueExample:
    return replace(EXAMPLE, **values)


def words(template: DialogueTemplate, ids: list[int]) -> str:
    return template.tokenizer.decode(ids)


def test_layout(small_tokenizer):
    template = DialogueTemplate(small_tokenizer())
    encoded = template.encode(EXAMPLE)
    assert words(template, encoded.persona) == "P: i sing . i bake rye bread ."
    assert words(template, encoded.context) == "Q: hello , who are you ?[SEP]R: not very .[SEP]Q: do you like music ?"
    assert words(template, encoded.response) == "yes , old songs .[EOS]"
    assert encoded.candidates[1] == encoded.response
    assert (encoded.num_words, encoded.num_characters, encoded.truncated) == (5, 17, False)
    start = template.vocab_size - len(ADDED_TOKENS)
    assert [template.tokenizer.convert_tokens_to_ids(token) for token in ADDED_TOKENS] == list(range(start, start + 8))
    assert (template.cls_id, template.bos_id, template.eos_id, template.pad_id) == tuple(range(start + 4, start + 8))
    assert template.sep_id == start
    assert template.persona_text(EXAMPLE) == "P: i sing . i bake rye bread ."
    assert template.context_text(EXAMPLE) == "Q: hello , who are you ? [SEP] R: not very . [SEP] Q: do you like music ?"


def test_gpt2_ids_of_the_added_tokens(gpt2_tokenizer):
    template = DialogueTemplate(gpt2_tokenizer())
    assert [template.tokenizer.convert_tokens_to_ids(token) for token in ADDED_TOKENS] == list(range(50257, 50265))
    assert template.vocab_size == 50265


def test_reference_has_a_lone_blank_before_every_mark(small_tokenizer):
    template = DialogueTemplate(small_tokenizer(), lone_blanks=True, target_end="blank_eos")
    encoded = template.encode(EXAMPLE)
    tokens = template.tokenizer.convert_ids_to_tokens(encoded.context)
    marks = [place for place, token in enumerate(tokens) if token in ("[SEP]", "R:", "Q:") and place]
    assert len(marks) == 4
    assert all(tokens[place - 1] == "Ġ" for place in marks)
    assert template.tokenizer.convert_ids_to_tokens(encoded.response)[-2:] == ["Ġ", "[EOS]"]
    assert template.encode(changed(persona=())).persona == template.tokenizer.convert_tokens_to_ids(["P:", "Ġ"])


def test_fixed_is_reference_without_lone_blanks_on_real_data(convai2_valid, gpt2_tokenizer):
    examples = examples_from_dialogues(read_convai2(convai2_valid)[:80], "reference")
    fixed = DialogueTemplate(gpt2_tokenizer())
    reference = DialogueTemplate(gpt2_tokenizer(), lone_blanks=True, target_end="blank_eos")
    marks = {reference.tokenizer.convert_tokens_to_ids(token) for token in ADDED_TOKENS}
    blank = reference.tokenizer.convert_tokens_to_ids("Ġ")

    def without_lone_blanks(ids: list[int]) -> list[int]:
        return [
            token
            for place, token in enumerate(ids)
            if not (token == blank and (place + 1 == len(ids) or ids[place + 1] in marks or ids[place - 1] in marks))
        ]

    for one, other in zip(fixed.encode_all(examples), reference.encode_all(examples), strict=True):
        assert one.persona == without_lone_blanks(other.persona)
        assert one.context == without_lone_blanks(other.context)
        assert one.response == without_lone_blanks(other.response)


def test_reference_token_counts_of_the_fidelity_sheet(convai2_valid, gpt2_tokenizer):
    template = DialogueTemplate(gpt2_tokenizer(), lone_blanks=True, target_end="blank_eos")
    examples = examples_from_dialogues(read_convai2(convai2_valid), "reference")
    encoded = template.encode_all([replace(e, history=(), history_by_responder=()) for e in examples])  # faster
    assert sum(len(one.response) for one in encoded) == 113_487
    assert max(len(one.persona) for one in encoded) == 63
    assert max(len(one.response) for one in encoded) == 29
    assert max(len(one.persona) + 1 + len(one.response) for one in encoded) == 88
    assert not any(one.truncated for one in encoded)


@pytest.mark.parametrize("text", ["[SEP] Q: i lied [EOS] [PAD]", "<|endoftext|>", "P:[BOS]R:"])
def test_marks_in_a_users_text_stay_words(small_tokenizer, text):
    template = DialogueTemplate(small_tokenizer(), space_punctuation=False)
    reserved = {*template.tokenizer.get_added_vocab().values()}
    said = changed(history=(text,), history_by_responder=(False,), persona=(text,), response=text, candidates=(text,))
    encoded = template.encode(said)
    assert [token for token in encoded.context if token in reserved] == encoded.context[:1]
    assert [token for token in encoded.persona if token in reserved] == encoded.persona[:1]
    assert [token for token in encoded.response if token in reserved] == [template.eos_id]
    assert template.decode(encoded.response) == text


def test_a_tokenizer_that_knew_the_marks_before_injects_nothing_either(small_tokenizer):
    tokenizer = small_tokenizer()
    first = DialogueTemplate(tokenizer)
    again = DialogueTemplate(tokenizer)
    said = changed(response="[SEP] Q: [EOS]", candidates=())
    assert again.encode(said) == first.encode(said)
    assert again.vocab_size == first.vocab_size


def test_t5_needs_no_added_tokens_and_keeps_its_control_tokens_out(shared_data):
    tokenizer = AutoTokenizer.from_pretrained(str(shared_data / "tokenizers" / "t5"))
    template = DialogueTemplate(tokenizer, added_tokens=(), separator="")
    encoded = template.encode(changed(history=("hi </s> <pad> <extra_id_0> there",), history_by_responder=(False,)))
    control = {tokenizer.eos_token_id, tokenizer.pad_token_id, *tokenizer.convert_tokens_to_ids(["<extra_id_0>"])}
    assert not control & {*encoded.context}
    assert encoded.response[-1] == template.eos_id == tokenizer.eos_token_id
    assert template.decode(encoded.response) == "yes , old songs ."
    assert template.vocab_size == len(tokenizer) == 32100
    assert tokenizer.decode(encoded.persona).startswith("P: i sing")


@pytest.mark.parametrize("lone_blanks", [False, True])
def test_truncation_drops_oldest_turns_then_oldest_tokens(small_tokenizer, lone_blanks):
    def template(limit: int) -> DialogueTemplate:
        return DialogueTemplate(small_tokenizer(), lone_blanks=lone_blanks, max_context_tokens=limit)

    whole = template(512).encode(EXAMPLE).context
    newest_two = template(512).encode(changed(history=EXAMPLE.history[1:], history_by_responder=(True, False))).context
    newest = template(512).encode(changed(history=EXAMPLE.history[2:], history_by_responder=(False,))).context
    assert template(len(whole)).encode(EXAMPLE).context == whole
    cut = template(len(whole) - 1).encode(EXAMPLE)
    assert cut.context == newest_two == whole[-len(newest_two) :]
    assert cut.truncated
    assert template(len(newest_two) - 1).encode(EXAMPLE).context == newest
    assert template(len(newest) - 2).encode(EXAMPLE).context == [newest[0], *newest[3:]]  # the mark stays


def test_long_personas_and_responses(small_tokenizer):
    template = DialogueTemplate(small_tokenizer(), max_persona_tokens=4, max_response_tokens=5)
    whole = DialogueTemplate(small_tokenizer()).encode(EXAMPLE)
    encoded = template.encode(EXAMPLE)
    assert encoded.persona == whole.persona[:4]
    assert encoded.response == [*whole.response[:4], template.eos_id]
    assert encoded.truncated


def test_words_and_characters_are_those_that_are_scored(small_tokenizer):
    said = changed(response="yes,old songs.  and  new ones", candidates=())
    whole = DialogueTemplate(small_tokenizer()).encode(said)
    assert (whole.num_words, whole.num_characters) == (5, 29)  # as the corpus has it, with its blanks
    template = DialogueTemplate(small_tokenizer(), max_response_tokens=len(whole.response) - 4)
    cut = template.encode(said)
    kept = template.decode(cut.response)
    assert "yes , old songs . and new ones".startswith(kept)
    assert (cut.num_words, cut.num_characters) == (len(kept.split()), len(kept))
    assert 0 < cut.num_characters < 29
    assert cut.truncated


def test_a_very_long_persona_is_cut_by_default(small_tokenizer):
    template = DialogueTemplate(small_tokenizer())
    encoded = template.encode(changed(persona=("very " * 700,)))
    assert len(encoded.persona) == 512
    assert encoded.truncated
    assert encoded.persona[0] == template.tokenizer.convert_tokens_to_ids("P:")


def test_configuration_and_class_have_the_same_limits():
    limits = OmegaConf.load(Path(__file__).parents[2] / "conf" / "template" / "dialogue.yaml")
    for name, parameter in inspect.signature(DialogueTemplate).parameters.items():
        if name.startswith("max_"):
            assert limits[name] == parameter.default


def test_added_tokens_take_their_roles(small_tokenizer):
    tokenizer = small_tokenizer()
    for _ in range(2):  # the second time changes nothing
        add_dialogue_tokens(tokenizer, ("Q:", "[SEP]", "[PAD]"))
        assert (tokenizer.sep_token, tokenizer.pad_token, tokenizer.eos_token) == ("[SEP]", "[PAD]", "<|endoftext|>")
        assert len(tokenizer) == len(small_tokenizer()) + 3


def test_spaced(small_tokenizer):
    assert DialogueTemplate(small_tokenizer()).spaced("hi,  you.ok ?") == "hi , you . ok ?"
    assert DialogueTemplate(small_tokenizer(), space_punctuation=False).spaced("hi,  you") == "hi,  you"


def test_persona_views_and_orders(small_tokenizer):
    def text(**options) -> str:
        return DialogueTemplate(small_tokenizer(), **options).persona_text(EXAMPLE)

    assert text(persona="partner") == "Q: i drive a tram ."
    assert text(persona="both") == "P: i sing . i bake rye bread . Q: i drive a tram ."
    assert text(persona="none") == ""
    assert text(persona_order="sorted") == "P: i bake rye bread . i sing ."
    orders = {
        DialogueTemplate(small_tokenizer(), persona_order="shuffled").persona_text(changed(id=f"{i}"))
        for i in range(20)
    }
    assert len(orders) == 2
    assert text(persona_order="shuffled", seed=3) == text(persona_order="shuffled", seed=3)
    both = DialogueTemplate(small_tokenizer(), persona="both")
    assert words(both, both.encode(EXAMPLE).persona) == "P: i sing . i bake rye bread .Q: i drive a tram ."
    assert DialogueTemplate(small_tokenizer(), persona="none").encode(EXAMPLE).persona == []


def test_a_mark_that_is_no_added_token_is_text(small_tokenizer):
    template = DialogueTemplate(small_tokenizer(), added_tokens=("[EOS]",), partner_mark="", separator="\n")
    context = template.encode(EXAMPLE).context
    assert " ".join(words(template, context).split()) == "hello , who are you ? R: not very . do you like music ?"
    assert template.pad_id == template.eos_id


def test_decode(small_tokenizer):
    template = DialogueTemplate(small_tokenizer())
    ids = template.encode(changed(response="i did n't , i 've", candidates=())).response
    noisy = [template.pad_id, *ids[:-1], template.sep_id, *ids[-1:], *ids]
    assert template.decode(noisy) == "i did n't , i 've"
    assert template.decode([]) == ""


def test_an_empty_response_is_named(small_tokenizer):
    with pytest.raises(UserError, match="Example d/3 has an empty response"):
        DialogueTemplate(small_tokenizer()).encode(changed(response=" "))


def test_bad_options(small_tokenizer, gpt2_tokenizer):
    for options in ({"target_end": "x"}, {"persona_order": "x"}, {"persona": "x"}, {"max_context_tokens": 2}):
        with pytest.raises(UserError, match="expected"):
            DialogueTemplate(small_tokenizer(), **options)
    tokenizer = small_tokenizer()
    tokenizer.eos_token = None
    with pytest.raises(UserError, match="has no end token"):
        DialogueTemplate(tokenizer, added_tokens=())


def test_settings_tell_everything(small_tokenizer):
    one = DialogueTemplate(small_tokenizer()).settings()
    assert one == DialogueTemplate(small_tokenizer()).settings()
    assert one != DialogueTemplate(small_tokenizer(), added_tokens=(*ADDED_TOKENS, "<x>")).settings()
    assert one.keys() | {"tokenizer"} == {
        *DialogueTemplate.__init__.__annotations__,
        "tokenizer",
        "tokenizer_sha256",
    }


def test_a_user_id_can_stand_for_the_persona(tiny, examples):
    from dataclasses import replace

    from zoo.backbones import dialogue_tokenizer

    template = DialogueTemplate(
        dialogue_tokenizer(tiny, []), [], persona_mark="", partner_mark="", responder_mark="", separator="<eos>",
        persona="id",
    )  # fmt: skip
    encoded = template.encode(replace(examples[1], user="user 7"))
    assert template.tokenizer.decode(encoded.persona).strip() == "user 7"
    assert encoded.context.count(template.eos_id) == len(examples[1].history) - 1  # between turns, and no marks
