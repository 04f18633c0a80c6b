"""Fixtures of the data tests: twelve ragged dialogues of our own, a byte-level tokenizer trained on them, GPT-2's."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2TokenizerFast, PreTrainedTokenizerFast

from zoo.data.convai2 import read_convai2
from zoo.data.records import Dialogue


@pytest.fixture(scope="session")
def twelve_file() -> Path:
    return Path(__file__).parent / "fixtures" / "twelve_dialogues.txt"


@pytest.fixture(scope="session")
def twelve(twelve_file: Path) -> list[Dialogue]:
    return read_convai2(twelve_file)


@pytest.fixture(scope="session")
def small_tokenizer(twelve_file: Path) -> Callable[[], PreTrainedTokenizerFast]:
    """Makes fresh byte-level BPE tokenizers: a template changes the one it is given."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"])
    trained.train_from_iterator(twelve_file.read_text().splitlines(), trainer)
    description = trained.to_str()

    def make() -> PreTrainedTokenizerFast:
        return PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer.from_str(description), eos_token="<|endoftext|>", bos_token="<|endoftext|>"
        )

    return make


@pytest.fixture
def gpt2_tokenizer(shared_data: Path) -> Callable[[], GPT2TokenizerFast]:
    return lambda: GPT2TokenizerFast.from_pretrained(str(shared_data / "tokenizers" / "gpt2"))


@pytest.fixture
def convai2_valid(shared_data: Path) -> Path:
    return shared_data / "convai2" / "valid_self_original_no_cands.txt"
