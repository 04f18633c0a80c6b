"""Prefixes: keys and values before the text in every layer, a prefix for every user.

Source: Li & Liang 2021 (arXiv:2101.00190). `direct` trains keys and values themselves; `reparametrised` computes them
from an embedding through an MLP (embedding [M, D] -> Linear(D, 512) -> tanh -> Linear(512, L*2*D), as in their code)
that every user has of its own, and folds the result for storage. In an encoder-decoder the prefix stands before the
decoder's text, as in PEFT.

A prefix of zeros is no empty prefix: zero keys take their share of the softmax. Nothing here starts at zero.

Letters: B batch rows, U users, M virtual tokens, L layers, H heads, E head width, D = H * E, K MLP width, W words.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache, PreTrainedModel

from zoo.errors import UserError
from zoo.models.banks.base import VirtualTokens, repeated

PrefixStart = Literal["words", "random"]
PREFIX_STARTS = ("words", "random")
MLP = ("weight_in", "bias_in", "weight_out", "bias_out")


class PrefixBank(VirtualTokens):
    """Prefixes, direct [U, M, L, 2, H, E] or reparametrised.

    Args:
        lm: the frozen backbone.
        num_virtual_tokens: M.
        reparametrised: through an MLP of each user's own; some 75 times the numbers of a direct prefix while training.
        mlp_width: its hidden width, 512 in Li & Liang's code.
        frozen_mlp: with `reparametrised`, one MLP for all that is not trained, the one of what rows start from.
        start: random (standard normal embeddings, as PEFT and Li & Liang), or words (`direct` only: the keys and values
            of real words, the user's text or tokens drawn at random, so that training starts at a prompt of words).
    """

    kind = "prefix"

    def __init__(
        self,
        lm: PreTrainedModel,
        num_virtual_tokens: int,
        *,
        reparametrised: bool = False,
        mlp_width: int = 512,
        frozen_mlp: bool = False,
        start: PrefixStart = "random",
    ) -> None:
        if start not in PREFIX_STARTS:
            raise UserError(f"model.net.start is {start!r}; expected one of {', '.join(PREFIX_STARTS)}.")
        config = lm.config
        if start == "words" and (reparametrised or config.is_encoder_decoder):
            raise UserError(
                "model.net.start=words was given, but only a direct prefix of a decoder-only backbone can start from "
                "the keys and values of words; set model.net.start=random, or model.net.reparametrised=false."
            )
        heads = config.num_attention_heads
        width = getattr(config, "d_kv", None) or getattr(config, "head_dim", None) or config.hidden_size // heads
        layers = getattr(config, "num_decoder_layers", None) or config.num_hidden_layers
        heads = getattr(config, "num_key_value_heads", None) or heads
        self.folded_shape = (layers, 2, heads, width)
        folded, hidden = math.prod(self.folded_shape), heads * width
        shapes: dict[str, tuple[int, ...]] = {"prefix": (num_virtual_tokens, *self.folded_shape)}
        if reparametrised:
            shapes = {
                "embedding": (num_virtual_tokens, hidden),
                "weight_in": (mlp_width, hidden),
                "bias_in": (mlp_width,),
                "weight_out": (folded, mlp_width),
                "bias_out": (folded,),
            }
        if frozen_mlp and not reparametrised:
            raise UserError(
                "model.net.frozen_mlp=true was given for a direct prefix; set model.net.reparametrised too."
            )
        mlp = {name: shapes.pop(name) for name in MLP if name in shapes} if frozen_mlp else {}
        super().__init__(shapes, num_virtual_tokens, lm.get_input_embeddings().weight.dtype)
        generator = torch.Generator().manual_seed(0)
        for name in mlp:
            self.register_buffer(name, linear_start(name, mlp, generator).to(self.any_table))
        self.reparametrised, self.frozen_mlp, self.start = reparametrised, frozen_mlp, start
        self._lm = [lm]  # in a list: its weights are not the bank's

    @torch.no_grad()
    def initialise(self, row: int, generator: torch.Generator, words: Tensor | None = None) -> None:
        """As in the base class."""
        length = int(self.lengths[row])
        if self.start == "words":
            if words is None or not len(words):
                words = torch.randint(self._lm[0].config.vocab_size, (length,), generator=generator)
            self._set_folded(row, self.activations(repeated(words, length)))
            return
        for name, table in self.tables.items():
            if name in MLP:
                table[row] = linear_start(name, self.shapes, generator).to(table)
            else:
                table[row] = torch.empty(table.shape[1:], dtype=torch.float64).normal_(generator=generator).to(table)

    @torch.no_grad()
    def activations(self, words: Tensor) -> Tensor:
        """Keys and values that the frozen network gives to words: [M] -> [M, L, 2, H, E]."""
        lm = self._lm[0]
        cache = DynamicCache()
        lm.base_model(words[None].to(lm.device), past_key_values=cache, use_cache=True)
        # L times [2, H, M, E]
        layers = [torch.stack([layer.keys[0], layer.values[0]]) for layer in cache.layers]  # type: ignore[index]
        return torch.stack(layers).permute(3, 0, 1, 2, 4)  # [M, L, 2, H, E]

    def forward(self, user: Tensor) -> Tensor:
        """Folded prefixes: [B] -> [B, M, L, 2, H, E]."""
        if not self.reparametrised or "prefix" in (self._leaves or ()):
            return self.gather("prefix", user)
        return self._fold({name: self.gather(name, user) for name in self.tables})

    def _fold(self, rows: Mapping[str, Tensor]) -> Tensor:
        """Rows of the tables, [B, ...], through their MLPs: [B, M, L, 2, H, E]."""
        embedding = rows["embedding"]  # [B, M, D]
        if self.frozen_mlp:
            folded = F.linear(torch.tanh(F.linear(embedding, self.weight_in, self.bias_in)), self.weight_out)
            return (folded + self.bias_out).view(*folded.shape[:2], *self.folded_shape)
        folded = folded_by(embedding, *(rows[name] for name in MLP))  # [B, M, L*2*D]
        return folded.view(*folded.shape[:2], *self.folded_shape)

    def _own(self, place: int) -> dict[str, Tensor]:
        """One row of the tables, [1, ...], as leaves of a graph; views, as no MLP is to be copied."""
        return {name: self.table(name).detach()[place : place + 1].requires_grad_() for name in self.tables}

    @torch.no_grad()
    def made(self, users: Tensor) -> dict[str, Tensor] | None:
        """As in the base class: prefixes folded, one user after another."""
        if not self.reparametrised or not len(users):  # nobody: a process whose users have all finished
            return None
        return {"prefix": torch.cat([self._fold(self._own(user)) for user in users.tolist()])}  # [n, M, L, 2, H, E]

    def through_made(self, users: Tensor, gradients: Sequence[Tensor]) -> list[Tensor]:
        """As in the base class: back through each user's MLP."""
        found = [self.table(name).new_empty(len(users), *self.shapes[name]) for name in self.tables]
        for place, user in enumerate(users.tolist()):
            own = self._own(user)
            of_row = torch.autograd.grad(self._fold(own), list(own.values()), gradients[0][place : place + 1])
            for gradient, part in zip(found, of_row, strict=True):
                gradient[place] = part[0]
        return found

    def cache(self, user: Tensor, dtype: torch.dtype) -> Any:
        """A new cache with each row's prefix: [B] -> L times keys and values [B, H, M, E]."""
        distinct, place = torch.unique(user, return_inverse=True)  # an MLP runs once a user, not once a row
        folded = self(distinct).to(dtype)[place]  # [B, M, L, 2, H, E]
        layers = folded.permute(2, 3, 0, 4, 1, 5)  # [L, 2, B, H, M, E]
        cache = DynamicCache([(keys, values) for keys, values in layers])
        return EncoderDecoderCache(cache, DynamicCache()) if self._lm[0].config.is_encoder_decoder else cache

    def folded(self) -> "PrefixBank":
        """The same prefixes as a direct bank: what is stored, and what serves."""
        if not self.reparametrised:
            return self
        bank = PrefixBank(self._lm[0], self.num_virtual_tokens)
        bank.resize(self.num_users)
        bank.lengths.copy_(self.lengths)
        with torch.no_grad():
            for row in range(self.num_users):
                bank.tables["prefix"][row] = self(torch.tensor([row], device=self.lengths.device))[0]
        return bank

    @torch.no_grad()
    def take(self, row: int, tables: Mapping[str, Tensor], where: str) -> None:
        """As in the base class; a reparametrised prefix is folded where keys and values themselves are trained."""
        if "embedding" in tables and not set(MLP) <= set(tables):
            raise UserError(
                f"{where} trained an embedding behind a frozen MLP, which is not among what it trained; expected a "
                "prefix that was trained with its MLP (model.net.frozen_mlp=false), or a direct one."
            )
        if "embedding" in tables and self.frozen_mlp:
            for name in MLP:
                if tables[name].shape != getattr(self, name).shape:
                    raise UserError(
                        f"{where} has an MLP with {name} {list(tables[name].shape)} instead of "
                        f"{list(getattr(self, name).shape)}; expected the same model.net.mlp_width and backbone."
                    )
                getattr(self, name).copy_(tables[name])
            tables = {"embedding": tables["embedding"]}
        elif "embedding" in tables and not self.reparametrised:
            folded = folded_by(*(tables[name][None] for name in ("embedding", *MLP)))[0]  # [M, L*2*D]
            if folded.size(1) == math.prod(self.folded_shape):
                folded = folded.view(-1, *self.folded_shape)
            tables = {"prefix": folded}
        super().take(row, tables, where)

    def export(self, row: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """As in the base class: `prompt_embeddings` [M, L*2*D], folded."""
        length = int(self.lengths[row])
        with torch.no_grad():
            folded = self(torch.tensor([row], device=self.lengths.device))[0, -length:]  # [M, L, 2, H, E]
        layers, _, heads, width = self.folded_shape
        description = {
            "num_virtual_tokens": length,
            "token_dim": heads * width,
            "num_layers": layers,
            "num_attention_heads": heads,
        }
        return {"prompt_embeddings": folded.flatten(1).cpu().contiguous()}, description

    def load(self, row: int, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
        """As in the base class; a folded prefix cannot be trained reparametrised."""
        flat = tensors["prompt_embeddings"]
        if self.reparametrised:
            raise UserError(
                "A stored prefix is folded: its keys and values are there, the MLP that made them is not. Set "
                "model.net.reparametrised=false to train on from it."
            )
        if flat.size(1) != math.prod(self.folded_shape):
            raise UserError(
                f"A prefix with {flat.size(1)} numbers a virtual token was given, but this backbone takes "
                f"{math.prod(self.folded_shape)} (layers, 2, heads, width: {self.folded_shape}); expected an adapter "
                "trained on this backbone."
            )
        self.set_length(row, len(flat))
        self._set_folded(row, flat.view(len(flat), *self.folded_shape))

    @torch.no_grad()
    def _set_folded(self, row: int, folded: Tensor) -> None:
        table = self.tables["prefix"]
        table[row] = 0  # pads, masked
        table[row, -len(folded) :] = folded.to(table)


def folded_by(embedding: Tensor, weight_in: Tensor, bias_in: Tensor, weight_out: Tensor, bias_out: Tensor) -> Tensor:
    """Each row through an MLP of its own: [B, M, D], [B, K, D], [B, K], [B, F, K], [B, F] -> [B, M, F]."""
    hidden = torch.tanh(torch.einsum("bmd,bkd->bmk", embedding, weight_in) + bias_in[:, None])  # [B, M, K]
    return torch.einsum("bmk,bfk->bmf", hidden, weight_out) + bias_out[:, None]


def linear_start(name: str, shapes: Mapping[str, tuple[int, ...]], generator: torch.Generator) -> Tensor:
    """torch.nn.Linear's own start for one of its parameters: uniform within 1 / sqrt(inputs)."""
    bound = shapes[name.replace("bias", "weight")][-1] ** -0.5
    return torch.empty(shapes[name], dtype=torch.float64).uniform_(-bound, bound, generator=generator)
