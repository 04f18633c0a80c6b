"""`TransformersLm`: any causal model in Hugging Face's format, on this machine.

Letters: B batch, T prompt tokens, N answer tokens.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteriaList,
)

from zoo.errors import UserError
from zoo.hub import first_line, model_folder
from zoo.language_models.base import LanguageModel, Mode, PromptTooLongError, Request, before_stop, check_mode
from zoo.language_models.decoding import AnswersEnd, ChooseTokens
from zoo.language_models.folders import OTHER_FILES, files_hash
from zoo.language_models.prefixes import Batch, Prefixes, plain_layers

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "fp64": torch.float64}


class TransformersLm(LanguageModel):
    """Answers with a model of `AutoModelForCausalLM`, in left-padded batches of prompts of similar lengths.

    What a prompt begins with is not read again if it was read lately, as a prompt or an answer: see
    `zoo.language_models.prefixes`.

    Files are read when made, so that mistakes show at once; weights load with the first request. The decoding settings
    in the model's folder are left out: an answer is decoded as its request says.

    Args:
        path: a folder in Hugging Face's format, or a hub id.
        mode: "completions" continues the prompt; "chat" puts it into the tokenizer's chat template as the user's
            message, for models that were trained to follow instructions.
        batch_size: prompts in one forward; an answer does not depend on it, nor on what was read before, up to the
            rounding of `dtype`.
        device: "auto" (the current GPU where there is one) or torch's name of one.
        dtype: fp32, bf16, fp16 or fp64.
        revision: of a hub id.
        prefix_mib: memory for what was read, in MiB; 0 reads everything again.

    Raises:
        UserError: no model there, or an unknown setting.
    """

    def __init__(
        self,
        path: str | Path | None,
        mode: Mode = "completions",
        batch_size: int = 16,
        device: str = "auto",
        dtype: str = "fp32",
        revision: str | None = None,
        prefix_mib: int = 1024,
    ) -> None:
        check_mode(mode)
        if path is None:
            raise UserError(
                "The language model has no path. Give language_model.path=FOLDER, or a hub id of a causal language "
                "model."
            )
        if dtype not in DTYPES or batch_size < 1 or prefix_mib < 0:
            raise UserError(
                f"language_model.dtype={dtype}, batch_size={batch_size}, prefix_mib={prefix_mib} was given; expected "
                f"one of {', '.join(DTYPES)}, at least 1 prompt in a batch, and at least 0 MiB."
            )
        self.prefixes = Prefixes(prefix_mib * 2**20)
        self.path, self.mode = str(path), mode
        self.batch_size, self.dtype = batch_size, DTYPES[dtype]
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self.folder = model_folder(self.path, revision, OTHER_FILES, "language model")
        self.together = batch_size
        self.identity = f"transformers {files_hash(self.folder)} {mode} {dtype}"

    def answers(self, requests: Sequence[Request]) -> Iterator[tuple[int, str]]:
        """See `LanguageModel.answers`; a batch's answers come together.

        Raises:
            PromptTooLongError: prompts do not fit the model; all of them, before the first answer.
            UserError: a prompt is empty, or the model cannot be loaded.
        """
        tokens = [self._prompt_tokens(request) for request in requests]
        self._check_lengths(requests, tokens)
        for some in self.prefixes.in_turns(tokens):  # within a turn, the longest first: memory is known
            for first in range(0, len(some), self.batch_size):
                rows = some[first : first + self.batch_size]
                texts = self._batch([requests[n] for n in rows], [tokens[n] for n in rows])
                yield from zip(rows, texts, strict=True)

    def _batch(self, requests: Sequence[Request], prompts: Sequence[list[int]]) -> list[str]:
        _, model = self._loaded
        known = [self.prefixes.longest(prompt[:-1]) for prompt in prompts]  # the last token is always read
        batch = Batch(prompts, known, model.generation_config.pad_token_id)
        longest, new = batch.mask.shape[1], max(request.max_new_tokens for request in requests)
        layers = plain_layers(model.config)
        cache = batch.cache(layers, new) if layers else None
        with torch.inference_mode():
            output = model.generate(
                input_ids=batch.input_ids.to(self.device),
                attention_mask=batch.mask.to(self.device),
                max_new_tokens=new,
                logits_processor=LogitsProcessorList([ChooseTokens(requests, longest)]),
                stopping_criteria=StoppingCriteriaList([AnswersEnd(requests, longest, self._text)]),
                past_key_values=cache,
            )  # [B, T + N]
        ends = set(_list(model.generation_config.eos_token_id))
        texts = []
        for row, (request, tokens) in enumerate(zip(requests, output[:, longest:].tolist(), strict=True)):
            answer = tokens[: request.max_new_tokens]
            answer = answer[: next((place for place, token in enumerate(answer) if token in ends), len(answer))]
            texts.append(before_stop(self._text(answer), request.stop))
            if cache is not None and self.prefixes.room:
                self.prefixes.keep(batch.read(cache, row, answer))
        return texts

    def _text(self, tokens: list[int]) -> str:
        return str(self._loaded[0].decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _prompt_tokens(self, request: Request) -> list[int]:
        """The prompt's ids: a begin token where the tokenizer sets one, no end token, for the text is to go on."""
        tokenizer, _ = self._loaded
        if self.mode == "chat":
            message = [{"role": "user", "content": request.prompt}]
            text = tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=False)
            tokens = tokenizer(text, add_special_tokens=False)["input_ids"]  # the template has them
        else:
            tokens = tokenizer(request.prompt)["input_ids"]
            if tokens and tokens[-1] == tokenizer.eos_token_id:
                tokens = tokens[:-1]
        if not tokens:
            raise UserError("An empty prompt was given to the language model; expected at least one token.")
        return list(tokens)

    def _check_lengths(self, requests: Sequence[Request], prompts: Sequence[list[int]]) -> None:
        limit = getattr(self._loaded[1].config, "max_position_embeddings", None)
        sizes = [(len(tokens), request.max_new_tokens) for tokens, request in zip(prompts, requests, strict=True)]
        places = [place for place, size in enumerate(sizes) if limit is not None and sum(size) > limit]
        if places:
            longest, answer = max((sizes[place] for place in places), key=sum)
            raise PromptTooLongError(
                f"A prompt of {longest} tokens and an answer of {answer} were asked for, but {self.path} has {limit} "
                "positions. Lower max_new_tokens, give a shorter prompt, or choose a model with more.",
                places,
            )

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Tokenizer and model."""
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.folder)
            model: Any = AutoModelForCausalLM.from_pretrained(self.folder, dtype=self.dtype)
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            raise UserError(f"The language model {self.path} could not be loaded: {first_line(error)}") from error
        if self.mode == "chat" and not tokenizer.chat_template:
            raise UserError(
                f"language_model.mode=chat was given, but the tokenizer of {self.path} has no chat template; expected "
                "a model trained on conversations. Use language_model.mode=completions."
            )
        ends = _list(model.generation_config.eos_token_id) or _list(tokenizer.eos_token_id)
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else next(iter(ends), 0)  # masked anyway
        model.generation_config = GenerationConfig(do_sample=False, eos_token_id=ends or None, pad_token_id=pad)
        return tokenizer, model.to(self.device).eval()


def _list(ids: int | Sequence[int] | None) -> list[int]:
    return [] if ids is None else [ids] if isinstance(ids, int) else list(ids)
