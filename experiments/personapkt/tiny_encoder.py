"""A BERT of width 32 and random weights whose words are those of labelled pairs: a scorer to try the rows with.

python experiments/personapkt/tiny_encoder.py PAIRS_FILE FOLDER
"""

import json
import sys
from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizer


def main(pairs_file: Path, folder: Path) -> None:
    """Save the encoder with its tokenizer in Hugging Face's format."""
    pairs = json.loads(pairs_file.read_text())
    words = sorted({word for pair in pairs for key in ("sentence1", "sentence2") for word in pair[key].split()})
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
