"""Byte-level BPE tokenizers of the embedded corpora, in the form of GPT-2's: what the tiny backbones read.

Trained when first needed, in about a second and byte for byte the same each time, so no vocabulary
file is shipped. Any text survives encoding and decoding, words of other languages just take more tokens.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPT2Tokenizer

from zoo.data.demo import demo_dialogues
from zoo.data.profiles import JAPANESE
from zoo.data.records import Dialogue
from zoo.data.synthetic_users import SyntheticUsersCorpus, reply_pairs
from zoo.errors import UserError

END_OF_TEXT = "<|endoftext|>"  # GPT-2's only special token: begin, end and unknown
SMALLEST = len(pre_tokenizers.ByteLevel.alphabet()) + 1
SAVED = "tokenizer.json"
CONTEXT = 1024  # tokens, GPT-2's limit


def demo_texts() -> Iterator[str]:
    """Every sentence of the demo corpus's train split."""
    return _sentences(demo_dialogues("train"))


def synthetic_users_texts() -> Iterator[str]:
    """Dialogues, reply pairs and profile values of the synthetic users, in both languages."""
    for language in ("en", "ja"):
        yield from _sentences(SyntheticUsersCorpus(language).load("train"))
        yield from _sentences(list(reply_pairs(language, 0, 3000)))
    for values in JAPANESE.values():
        for names in values.items():
            yield from (f" {name}," for name in names)


EMBEDDED: dict[str, tuple[Callable[[], Iterator[str]], int]] = {  # name -> texts, size of the vocabulary
    "demo": (demo_texts, 1024),
    "synthetic_users": (synthetic_users_texts, 2048),
}


def demo_tokenizer(folder: Path, vocab_size: int | None = None, corpus: str = "demo") -> None:
    """Train the tokenizer of an embedded corpus and save it to `folder`; `AutoTokenizer` loads it offline.

    The folder appears at once and complete. Where it exists it is kept, so several processes may call this together:
    the first to finish wins, and the others wrote the same bytes.

    Raises:
        UserError: if `vocab_size` cannot hold the 256 bytes and the special token, or if something else (files, or a
            tokenizer of another size) is in the folder.
    """
    texts, usual_size = EMBEDDED[corpus]
    vocab_size = vocab_size or usual_size
    if vocab_size < SMALLEST:
        raise UserError(f"vocab_size={vocab_size} is too small: a byte-level vocabulary needs at least {SMALLEST}.")
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        return _expect(folder, vocab_size)
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _as_gpt2(_train(texts(), vocab_size)).save_pretrained(building)
        building.chmod(0o755)  # mkdtemp's folders are private
        with contextlib.suppress(OSError):  # another process was faster: its folder is not empty
            os.replace(building, folder)
        _expect(folder, vocab_size)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _expect(folder: Path, vocab_size: int) -> None:
    found = Tokenizer.from_file(str(folder / SAVED)).get_vocab_size() if (folder / SAVED).exists() else "no"
    if found != vocab_size:
        raise UserError(
            f"{folder} holds {found} tokens where the demo tokenizer of {vocab_size} tokens should be; "
            "move it away or give another folder."
        )


def _train(texts: Iterator[str], vocab_size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _as_gpt2(tokenizer: Tokenizer) -> GPT2Tokenizer:
    return GPT2Tokenizer(
        tokenizer_object=tokenizer,
        unk_token=END_OF_TEXT,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,  # "hello ." keeps its blank
    )


def _sentences(dialogues: list[Dialogue]) -> Iterator[str]:
    """Each with a blank before it: templates set words behind speaker tokens."""
    for dialogue in dialogues:
        for speaker in dialogue.speakers:
            yield from (" " + sentence for sentence in speaker.persona)
        yield from (" " + utterance.text for utterance in dialogue.utterances)
