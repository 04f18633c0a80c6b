"""A byte-level BPE of 4,096 tokens from dialogues: at width 128, GPT-2's 50,257 would be most of the work.

TRAIN_FILE is of ConvAI2 (.txt) or of Synthetic-Persona-Chat (.csv, read in ConvAI2's spelling).

python experiments/paa/small_tokenizer.py TRAIN_FILE FOLDER
"""

import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPT2Tokenizer

from zoo.data.convai2 import read_convai2
from zoo.data.synthetic_persona_chat import read_synthetic_persona_chat

END = "<|endoftext|>"


def main(train_file: Path, folder: Path) -> None:
    """Train on personas and utterances, each with a blank before it; save in Hugging Face's format."""
    texts = []
    synthetic = train_file.suffix == ".csv"
    dialogues = read_synthetic_persona_chat(train_file, "convai2")[0] if synthetic else read_convai2(train_file)
    for dialogue in dialogues:
        texts += [f" {sentence}" for speaker in dialogue.speakers for sentence in speaker.persona]
        texts += [f" {utterance.text}" for utterance in dialogue.utterances]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=4096,
            special_tokens=[END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    GPT2Tokenizer(tokenizer_object=tokenizer, unk_token=END, bos_token=END, eos_token=END).save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
