"""Fine-tuning: a language model reads persona and context as text and answers; all its weights are trained.

Source: the GPT-2 baselines of Huang et al. 2023 (arXiv:2210.15088, Table 1), after Wolf et al. 2019 (TransferTransfo,
arXiv:1901.08149). The joined text is persona, context, [BOS], response. With a copy of the weights for every user it
is the baseline that adapters are held against.

Letters: B batch, C prompt, R response, N response tokens, V vocabulary.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from zoo.backbones import Backbone
from zoo.data.batch import DialogueBatch
from zoo.errors import UserError
from zoo.models.adapted import choose_attention
from zoo.models.banks.full import FullBank
from zoo.models.base import DialogueModel
from zoo.models.user_rows import UserRows, check_separator


class FineTune(UserRows):
    """A pretrained language model, trained whole: one for everybody, or a copy for every user.

    Users' copies train by the same learner as adapters, side by side but in forwards of their own, and without dropout,
    as an update is to depend on nobody else. They take U times the memory of the model, and up to five times as much
    again for each of `learner.slots` users who train (moments, best snapshot, gradient and its clipped copy).

    Args:
        backbone: any decoder-only or encoder-decoder language model.
        tokenizer: with the template's added tokens; [BOS] separates the response, or the end token where there is none.
        shared: one set of weights for everybody.
        banked: a shared set of weights is a row of a bank, which PPReptile trains.
        tie_lm_head: True keeps the published head, which is GPT-2's token table; False gives the network a head of its
            own from random weights, as the PAA release trained its GPT-2 baselines (163.0, 406.3 and 838.4 M
            parameters instead of the 124, 355 and 774 that its Table 1 prints).
        sep_before_context: put [SEP] between persona and context, as that release does.
        mark_response: end what an encoder reads with [BOS] (or the end token); False ends it with the last turn, as
            ParlAI does. The text of a decoder-only network has to end so, and a text of nothing is this token.
        dropout: of attention, residual and embeddings where the architecture is GPT-2's; None keeps the backbone's.
        start_from: the directory of a run with one network for everybody, whose weights take the published ones' place.

    Raises:
        UserError: dropout was asked for with a copy a user, or no mark before the response in a decoder's text.
    """

    bank: FullBank

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: PreTrainedTokenizerBase,
        *,
        shared: bool = True,
        banked: bool = False,
        tie_lm_head: bool = True,
        sep_before_context: bool = False,
        mark_response: bool = True,
        dropout: float | None = None,
        start_from: Path | str | None = None,
    ) -> None:
        super().__init__(backbone, tokenizer, shared=shared, seed=0, start_from=start_from)
        self.banked = banked or not shared
        if self.banked and dropout:
            raise UserError(
                f"model.net.dropout={dropout} was given with a copy of the weights for every user; expected none, as "
                "dropout would make a user's updates depend on who else trains. Leave it out, or train users=one."
            )
        self.lm = backbone.load(tokenizer, dropout=0.0 if self.banked else dropout)
        if not tie_lm_head:
            give_head(self.lm)
        if not mark_response and not self.lm.config.is_encoder_decoder:
            raise UserError(
                f"model.net.mark_response=false was given, but the backbone {backbone.name} reads text and reply "
                "as one; expected an encoder-decoder, or true: a mark has to say where the reply begins."
            )
        self.mark_response = mark_response
        if sep_before_context:
            self.before_context = check_separator(tokenizer)
        if not self.banked:
            self.users = []
            if self.start_from is not None:
                self.bank = FullBank(self.lm)
                self.take(0, self.start_from)
                self.bank.write(0)
                del self.bank
        else:
            self.bank = FullBank(self.lm)
            self.lm.requires_grad_(False).eval()
            choose_attention(self.lm)
            self.set_users([""])

    def set_users(self, users: Sequence[str], words: Sequence[Sequence[int]] | None = None) -> None:
        """As in the base class; what everybody shares does not ask who they are."""
        if self.banked:
            super().set_users(users, words)

    def train(self, mode: bool = True) -> "FineTune":
        """Copies of users stay in evaluation mode."""
        super().train(mode)
        if self.banked:
            self.lm.eval()
        return self

    def condition(self, batch: DialogueBatch) -> dict[str, Any]:
        """Persona, context and the separator as one text, [B, C]."""
        ids, mask = self.text(batch)  # [B, C]
        if not self.mark_response:
            mask[:, 1:] &= mask[:, 1:].cumsum(1) < mask[:, 1:].sum(1, keepdim=True)  # the last but the only token
            ids = ids.masked_fill(~mask, batch.pad_id)[:, : mask.size(1) - (mask.size(1) > 1)]  # [B, C - 1]
            mask = mask[:, : ids.size(1)]
        return {"input_ids": ids, "attention_mask": mask}

    def positions_needed(self, prompt: int, answer: int) -> tuple[int, int | None]:
        """As in the base class, without the mark where there is none."""
        return super().positions_needed(prompt if self.mark_response else max(prompt - 1, 0), answer)

    def forward(self, batch: DialogueBatch, positions: Tensor | None = None) -> Tensor:
        """As in the base class, each row by its user's weights."""
        keep = batch.response_mask if positions is None else positions  # [B, R]
        return self._by_token(batch, keep, lambda part, kept: DialogueModel.forward(self, part, kept))  # [N, V]

    def response_nll(self, batch: DialogueBatch) -> Tensor:
        """As in the base class, each row by its user's weights."""
        return self._by_token(batch, batch.response_mask, lambda part, kept: DialogueModel.response_nll(self, part))

    def _by_token(
        self, batch: DialogueBatch, keep: Tensor, compute: Callable[[DialogueBatch, Tensor], Tensor]
    ) -> Tensor:
        """`compute` for every user's rows, the answers in the order of the batch's tokens, [N, ...]."""
        if not self.banked or self.bank.is_worn:
            return compute(batch, keep)
        users = self.rows(batch)  # [B]
        owner = users[keep.nonzero()[:, 0]]  # [N]
        parts, order = [], []
        for user in users.unique().tolist():
            rows = users == user
            with self.bank.worn_by(user):
                parts.append(compute(batch.rows(rows), keep[rows]))
            order.append((owner == user).nonzero().squeeze(1))
        return torch.cat(parts)[torch.cat(order).argsort()]

    def continued(self, batch: DialogueBatch, decoding: GenerationConfig, **options: Any) -> Any:
        """As in the base class, each row by its user's weights; for several users' rows, nothing but sequences."""
        owner = self.rows(batch) if self.banked else None  # [B]
        users = [] if owner is None else owner.unique().tolist()
        answers, order = [], []
        for user in users:
            rows = owner == user
            with self.bank.worn_by(user):
                answers.append(super().continued(batch.rows(rows), decoding, **options))
            order.append(rows.nonzero().squeeze(1).repeat_interleave(decoding.num_return_sequences or 1))
        if len(users) == 1:
            return answers[0]
        if not users:
            return super().continued(batch, decoding, **options)
        sequences = [answer if isinstance(answer, Tensor) else answer.sequences for answer in answers]
        longest = max(part.size(1) for part in sequences)
        padded = [F.pad(part, (0, longest - part.size(1)), value=batch.pad_id) for part in sequences]
        return torch.cat(padded)[torch.cat(order).argsort(stable=True)]  # [B, R]


def give_head(lm: PreTrainedModel) -> None:
    """A language-model head of its own, [V, D] from N(0, 0.02^2) or what the architecture begins with."""
    rows, width = lm.get_input_embeddings().weight.shape
    head = torch.nn.Linear(width, rows, bias=False, dtype=lm.dtype)
    torch.nn.init.normal_(head.weight, std=getattr(lm.config, "initializer_range", 0.02))
    lm.config.tie_word_embeddings = False
    lm.set_output_embeddings(head)
