"""Backbones: where a pretrained language model and its tokenizer come from, and how token rows are added.

`Backbone` is a description; nothing loads before `tokenizer()`, `config()` or `load()` is called. Weights come from a
hub id or a folder (`backbone.path=`); a random initialisation happens only where it is asked for
(`backbone.pretrained=false`), at any width and depth.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers.models import Unigram
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from zoo.data.demo_tokenizer import EMBEDDED, demo_tokenizer
from zoo.data.template import add_dialogue_tokens
from zoo.errors import UserError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp64": torch.float64}
RATES = (  # of dropout: GPT-2's and GPT-J's names, T5's, BlenderbotSmall's
    *("attn_pdrop", "resid_pdrop", "embd_pdrop"),
    "dropout_rate",
    *("dropout", "attention_dropout", "activation_dropout"),
)
TOKEN_IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")


def cache_root() -> Path:
    """Folder for what is built on first use: `$ZOO_CACHE`, else `~/.cache/persona-zoo`."""
    return Path(os.environ.get("ZOO_CACHE", Path.home() / ".cache" / "persona-zoo"))


@dataclass(frozen=True)
class Backbone:
    """A language model to build on.

    Args:
        name: for reports.
        path: a hub id or a folder in Hugging Face's format; None for a model that only exists as `architecture`.
        pretrained: load weights from `path`. False initialises at random from `architecture`.
        architecture: a Hugging Face configuration (with `model_type`) for random initialisation.
        tokenizer_path: hub id or folder of the tokenizer; None takes `path`, "demo" and "synthetic_users" are embedded.
        revision: commit of the hub repository, recorded with every adapter.
        width, depth, heads: override the architecture of a random initialisation.
        dtype: fp32 (default), bf16 or fp64, of the backbone's weights.
    """

    name: str
    path: str | None = None
    pretrained: bool = True
    architecture: Mapping[str, Any] = field(default_factory=dict)
    tokenizer_path: str | None = None
    revision: str | None = None
    width: int | None = None
    depth: int | None = None
    heads: int | None = None
    dtype: str = "fp32"

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise UserError(f"backbone.dtype is {self.dtype!r}; expected one of {', '.join(DTYPES)}.")
        if self.pretrained and (self.width or self.depth or self.heads):
            raise UserError(
                f"backbone.width, depth and heads size a random initialisation, but backbone {self.name} loads "
                "pretrained weights; add backbone.pretrained=false, or leave the three out."
            )
        unread = self.tokenizer_path in EMBEDDED or (self.tokenizer_path and Path(self.path or "").is_dir())
        if not self.pretrained and self.path and unread:
            raise UserError(
                f"backbone.path={self.path} was given, but backbone {self.name} has random weights and a tokenizer of "
                "its own (backbone.pretrained=false), so nothing would be read from there. Choose the backbone whose "
                f"weights these are, for example backbone=gpt2 backbone.path={self.path}."
            )

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer as published, without a template's added tokens; a new object at each call."""
        source = self.tokenizer_path or self.path
        if source in EMBEDDED:
            folder = cache_root() / f"{source}_tokenizer"
            try:
                demo_tokenizer(folder, corpus=source)
            except OSError as error:
                raise UserError(
                    f"The embedded tokenizer could not be kept in {folder} ({error.strerror or error}). Set the "
                    "environment variable ZOO_CACHE to a folder that can be written."
                ) from error
            source = str(folder)
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, revision=self.revision)
        except (OSError, ValueError, TypeError) as error:
            raise UserError(
                f"The tokenizer of backbone {self.name} could not be loaded from {source!r} "
                f"({_first_line(error)}). Expected a hub id that is reachable or cached, or a folder with tokenizer "
                "files. Point backbone.tokenizer_path= (or backbone.path= for weights and tokenizer together) to such "
                "a folder, or use backbone=tiny, which is embedded."
            ) from error
        if len(tokenizer) < 256:  # an unreadable folder yields an empty vocabulary without an error in transformers 5
            raise UserError(
                f"The tokenizer loaded from {source!r} has only {len(tokenizer)} tokens; a vocabulary file is probably "
                "missing there. Expected vocab.json and merges.txt, tokenizer.json, or a SentencePiece model."
            )
        mend_unknown_id(tokenizer)
        return tokenizer

    def config(self) -> PreTrainedConfig:
        """The architecture: that of `path` when pretrained, else `architecture` with width, depth and heads applied."""
        if self.pretrained:
            return self._from_hub(AutoConfig.from_pretrained)
        settings = dict(self.architecture)
        if not settings:
            raise UserError(
                f"backbone {self.name} has no architecture for a random initialisation; give "
                "backbone.architecture with a model_type, or backbone.pretrained=true with backbone.path=."
            )
        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        for setting, value in {
            "hidden_size": self.width,
            "num_hidden_layers": self.depth,
            "num_attention_heads": self.heads,
        }.items():
            if value is not None:
                setattr(config, setting, value)
        if config.model_type in ("t5", "mt5"):  # whose sizes do not follow from one another
            if self.depth is not None:
                config.num_decoder_layers = self.depth
            if self.width is not None or self.heads is not None:
                config.d_kv = config.d_model // config.num_heads
            if self.width is not None:
                config.d_ff = 4 * self.width
        if config.model_type == "blenderbot-small":  # nor do these
            if self.depth is not None:
                config.decoder_layers = self.depth
            if self.heads is not None:
                config.decoder_attention_heads = self.heads
            if self.width is not None:
                config.encoder_ffn_dim = config.decoder_ffn_dim = 4 * self.width
        if config.hidden_size % config.num_attention_heads:
            raise UserError(
                f"backbone.width={config.hidden_size} is no multiple of {config.num_attention_heads} heads; set "
                "backbone.heads= to a divisor of the width."
            )
        return config

    def load(self, tokenizer: PreTrainedTokenizerBase, *, dropout: float | None = None) -> PreTrainedModel:
        """The language model with a token row for every id of `tokenizer`, weights in `dtype`.

        `dropout` replaces every dropout rate of the configuration; None keeps the published ones.

        Rows above the published vocabulary start at the end token's row plus N(0, 0.002^2): the start of the PAA
        release, `paa.md` section 1 (a mean of all rows would be pulled by GPT-2's outlier rows).
        """
        config = self.config()
        if dropout is not None:
            for rate in RATES:
                if hasattr(config, rate):
                    setattr(config, rate, dropout)
        fuse_activation(config)
        auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        if self.pretrained:
            model = self._from_hub(auto.from_pretrained, config=config, dtype=DTYPES[self.dtype])
        else:
            config.vocab_size = tokenizer.vocab_size  # the tokenizer decides: no weights depend on it yet
            config.bos_token_id, config.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
            pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
            blenderbot = config.model_type == "blenderbot-small"  # whose configuration has another vocabulary's ids
            if blenderbot:
                config.decoder_start_token_id = pad if tokenizer.bos_token_id is None else tokenizer.bos_token_id
                config.pad_token_id = config.forced_eos_token_id = None  # no row stays zero: the pad's may be the end's
            elif config.is_encoder_decoder and getattr(config, "decoder_start_token_id", None) is None:
                config.pad_token_id = config.decoder_start_token_id = pad  # as T5 begins
            model = auto.from_config(config, dtype=DTYPES[self.dtype])
            if blenderbot:
                model.config.pad_token_id = model.generation_config.pad_token_id = pad
        # replies are decoded as `decoding` says: nothing that was published beside the weights (a BlenderbotSmall's ten
        # beams, its least length and its forced end) fills in what that leaves open
        published_ids = {name: getattr(model.generation_config, name, None) for name in TOKEN_IDS}
        model.generation_config = GenerationConfig(**published_ids)
        published = model.get_input_embeddings().num_embeddings
        added = tokenizer.get_added_vocab()
        own = 1 + max(number for token, number in tokenizer.get_vocab().items() if token not in added)
        if own > published:
            raise UserError(
                f"The tokenizer of backbone {self.name} has {own} tokens, but its weights have only "
                f"{published} token rows, so some ids have no embedding. Expected a tokenizer and weights that were "
                "published together; check backbone.path= and backbone.tokenizer_path=."
            )
        add_token_rows(model, len(tokenizer))
        return model

    def _from_hub(self, from_pretrained: Any, **options: Any) -> Any:
        try:
            return from_pretrained(self.path, revision=self.revision, **options)
        except (OSError, ValueError) as error:
            raise UserError(
                f"The weights of backbone {self.name} could not be loaded from {self.path!r} "
                f"({_first_line(error)}). Two ways out: download the model where there is a network and pass its "
                f"folder as backbone.path=/path/to/{self.name}, or ask for a random initialisation with "
                "backbone.pretrained=false (sized by backbone.width= and backbone.depth=; backbone.tokenizer_path= "
                "still needs the tokenizer's files)."
            ) from error


def fuse_activation(config: PreTrainedConfig) -> None:
    """Let GPT-2's GELU be one kernel instead of eight: the same function, a sixth of a step's time on a CPU."""
    if getattr(config, "activation_function", None) == "gelu_new":
        config.activation_function = "gelu_pytorch_tanh"


def add_token_rows(model: PreTrainedModel, vocab_size: int) -> None:
    """Grow (never shrink) the token embeddings and the head of `model` to `vocab_size` rows."""
    embeddings = model.get_input_embeddings()
    published = embeddings.num_embeddings
    if vocab_size <= published:
        return
    end = model.config.eos_token_id
    end = end if isinstance(end, int) and 0 <= end < published else published - 1
    model.resize_token_embeddings(vocab_size, mean_resizing=False)
    with torch.no_grad():
        for table in {model.get_input_embeddings().weight, model.get_output_embeddings().weight}:  # one, if tied
            noise = torch.randn(vocab_size - published, table.size(1), dtype=table.dtype, device=table.device)
            table[published:] = table[end] + 0.1 * 0.02 * noise


def mend_unknown_id(tokenizer: PreTrainedTokenizerBase) -> None:
    """Make a Unigram tokenizer turn what it does not know into its own unknown token.

    transformers 5 builds every `T5Tokenizer` with T5's id for it, 2, whatever the SentencePiece model says. In rinna's
    models 2 is the end of a text: each rare character would end it. Other tokenizers stay as they are.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not isinstance(backend.model, Unigram) or tokenizer.unk_token_id is None:
        return
    model = json.loads(backend.to_str())["model"]
    if model["unk_id"] != tokenizer.unk_token_id:
        pieces = [(piece, score) for piece, score in model["vocab"]]
        backend.model = Unigram(pieces, unk_id=tokenizer.unk_token_id, byte_fallback=model.get("byte_fallback", False))


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"


def dialogue_tokenizer(backbone: Backbone, added_tokens: Sequence[str]) -> PreTrainedTokenizerBase:
    """The backbone's tokenizer with a template's tokens added in order; [BOS], [EOS], [PAD], ... become its own."""
    tokenizer = backbone.tokenizer()
    add_dialogue_tokens(tokenizer, added_tokens)
    return tokenizer
