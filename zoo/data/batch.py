"""What models see: padded segments with masks, and the functions that pad.

B batch, P C R persona, context and response tokens, K candidates, T joined tokens.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.data.template import EncodedExample

Side = Literal["right", "left"]
SEGMENTS = ("persona", "context", "response")


@dataclass
class DialogueBatch:
    """Examples side by side. Masks are bool, True on tokens; ids under False are `pad_id`.

    `tokens_per_step` makes the loss independent of the number of devices: a train batch is one part of a global batch,
    and `nll.sum() / batch.tokens_per_step`, averaged over ranks by DDP and over parts by gradient accumulation, is the
    mean over all response tokens of that global batch. None outside training. `rows_per_step` is the same for examples.
    """

    persona: Tensor  # [B, P]
    persona_mask: Tensor  # [B, P]
    context: Tensor  # [B, C]
    context_mask: Tensor  # [B, C]
    response: Tensor  # [B, R], every row ends with the end token
    response_mask: Tensor  # [B, R]
    user: Tensor  # [B] row in the datamodule's `users`
    example_id: Tensor  # [B] row in the split's table
    pad_id: int
    tokens_per_step: float | None = None
    rows_per_step: float | None = None
    alternative: Tensor | None = None  # [B, R] which of a row's several responses a position is of; None: it has one
    alternatives: int | None = None  # how many, which is `alternative` on pads
    candidates: Tensor | None = None  # [B, K, R']
    candidates_mask: Tensor | None = None  # [B, K, R'], all False for a candidate that a row does not have
    gold: Tensor | None = None  # [B] which candidate is the response; -1 where a row has none
    num_words: Tensor | None = None  # [B] of what `response` holds, see `EncodedExample`
    num_characters: Tensor | None = None  # [B]

    def __len__(self) -> int:
        return self.user.size(0)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "DialogueBatch":
        """The same batch with all tensors on `device`."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "DialogueBatch":
        """The same batch in page-locked memory, as a DataLoader asks for."""
        return self._map(lambda tensor: tensor.pin_memory())

    def rows(self, index: Tensor | slice) -> "DialogueBatch":
        """Some rows (integers, a bool mask [B], or a slice); padding and `tokens_per_step` stay as they are."""
        return self._map(lambda tensor: tensor[index])

    def side_by_side(self, chosen: Tensor, suffix: Sequence[int] = ()) -> "DialogueBatch":
        """Candidates as the responses of their row, behind one another and none seeing the others (`alternative`).

        Models read persona and context once for all of them.

        Args:
            chosen: [B, k] indices into `candidates`; below 0 for none.
            suffix: token ids to put behind every candidate's end token.

        Returns:
            Responses [B, R] without gaps, R the longest sum; `alternative` is 0 to k - 1 and k on pads.
        """
        assert self.candidates is not None
        assert self.candidates_mask is not None
        rows = torch.arange(len(self), device=chosen.device)[:, None]  # [B, 1]
        ids, mask = self.candidates[rows, chosen], self.candidates_mask[rows, chosen]  # [B, k, R']
        mask = mask & (chosen >= 0)[..., None]
        if suffix:
            behind = ids.new_tensor(list(suffix)).expand(*ids.shape[:2], -1)  # [B, k, S]
            ids = torch.cat([ids, behind], dim=2)
            mask = torch.cat([mask, mask[..., :1].expand_as(behind)], dim=2)
        number = torch.arange(chosen.size(1), device=ids.device)[:, None].expand_as(ids[0])  # [k, R']
        joined = replace(
            self,
            response=ids.masked_fill(~mask, self.pad_id).flatten(1),
            response_mask=mask.flatten(1),
            alternative=number.expand_as(ids).masked_fill(~mask, chosen.size(1)).flatten(1),
            alternatives=chosen.size(1),
        )
        order = joined.response_mask.byte().argsort(dim=1, descending=True, stable=True)  # gaps to the end
        order = order[:, : int(joined.response_mask.sum(1).max())]
        names = ("response", "response_mask", "alternative")
        return replace(joined, **{name: getattr(joined, name).gather(1, order) for name in names})

    def _map(self, change: Callable[[Tensor], Tensor]) -> "DialogueBatch":
        changed: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        changed.update({name: change(value) for name, value in changed.items() if isinstance(value, Tensor)})
        return DialogueBatch(**changed)

    def join(
        self, *segments: str, pad: Side = "right", between: int | None = None, end: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Concatenate segments without gaps between their tokens.

        Args:
            segments: names in order, e.g. "persona", "context".
            pad: where the padding goes.
            between: a token id to put between two segments.
            end: a token id to put after every row's last token.

        Returns:
            ids [B, T] and mask [B, T], T being the longest row.
        """
        parts = [(getattr(self, segment), getattr(self, f"{segment}_mask")) for segment in segments]
        if between is not None:
            column = self.user.new_full((len(self), 1), between), torch.ones_like(self.user, dtype=torch.bool)[:, None]
            parts = [part for segment in parts for part in (segment, column)][:-1]
        ids, mask = (torch.cat(columns, dim=1) for columns in zip(*parts, strict=True))
        if end is not None:
            ids = torch.cat([ids, ids.new_full((len(ids), 1), end)], dim=1)
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        # a stable sort by the mask moves the gaps to one side and keeps the order of the tokens
        order = mask.byte().argsort(dim=1, descending=pad == "right", stable=True)
        ids, mask = ids.gather(1, order), mask.gather(1, order)
        longest = int(mask.sum(dim=1).max()) if mask.numel() else 0
        kept = slice(None, longest) if pad == "right" else slice(mask.size(1) - longest, None)
        return ids[:, kept], mask[:, kept]  # [B, T]


@dataclass(frozen=True, slots=True)
class RaggedRows:
    """Rows of different lengths behind one another: `tokens[sum(lengths)]`, `lengths[B]`."""

    tokens: NDArray[np.integer]
    lengths: NDArray[np.integer]

    @classmethod
    def from_lists(cls, rows: Sequence[Sequence[int]]) -> "RaggedRows":
        """From one list of ids a row."""
        flat = [token for row in rows for token in row]
        return cls(np.array(flat, dtype=np.int64), np.array([len(row) for row in rows], dtype=np.int64))

    def padded(self, pad_id: int, side: Side = "right") -> tuple[Tensor, Tensor]:
        """Token ids [B, T] and mask [B, T], T being the longest row."""
        width = int(self.lengths.max(initial=0))
        columns = np.arange(width)
        lengths = self.lengths[:, None]
        mask = columns < lengths if side == "right" else columns >= width - lengths  # [B, T]
        ids = np.full(mask.shape, pad_id, dtype=np.int64)
        ids[mask] = self.tokens  # both run row by row
        return torch.from_numpy(ids), torch.from_numpy(mask)


def collate(
    examples: Sequence[EncodedExample],
    pad_id: int,
    users: Sequence[int] | None = None,
    example_ids: Sequence[int] | None = None,
    gold: Sequence[int] | None = None,
    pad_left: Collection[str] = (),
    tokens_per_step: float | None = None,
) -> DialogueBatch:
    """Pad encoded examples to the longest of the batch.

    Args:
        examples: what a template's `encode` gave.
        pad_id: the id under the mask.
        users, example_ids: [B] rows; left out, users are 0 and example ids count from 0.
        gold: [B] index of the gold candidate; needed where examples have candidates.
        pad_left: names of segments that are padded on the left (the reference protocol of PAA: persona and context).
        tokens_per_step: see `DialogueBatch`.
    """
    size = len(examples)
    segments = {name: RaggedRows.from_lists([getattr(example, name) for example in examples]) for name in SEGMENTS}
    candidate_counts = np.array([len(example.candidates) for example in examples])
    return collate_ragged(
        segments,
        RaggedRows.from_lists([row for example in examples for row in example.candidates]),
        candidate_counts,
        pad_id=pad_id,
        users=np.zeros(size, dtype=np.int64) if users is None else np.asarray(users),
        example_ids=np.arange(size) if example_ids is None else np.asarray(example_ids),
        gold=np.full(size, -1) if gold is None else np.asarray(gold),
        num_words=np.array([example.num_words for example in examples]),
        num_characters=np.array([example.num_characters for example in examples]),
        pad_left=pad_left,
        tokens_per_step=tokens_per_step,
    )


def collate_ragged(
    segments: dict[str, RaggedRows],
    candidates: RaggedRows,
    candidate_counts: NDArray[np.integer],
    *,
    pad_id: int,
    users: NDArray[np.integer],
    example_ids: NDArray[np.integer],
    gold: NDArray[np.integer],
    num_words: NDArray[np.integer],
    num_characters: NDArray[np.integer],
    pad_left: Collection[str] = (),
    tokens_per_step: float | None = None,
    rows_per_step: float | None = None,
) -> DialogueBatch:
    """`collate` for columns: no loop over rows. `candidates` has `candidate_counts[b]` rows for every b, in order."""
    padded: dict[str, Any] = {}
    for name, rows in segments.items():
        padded[name], padded[f"{name}_mask"] = rows.padded(pad_id, "left" if name in pad_left else "right")
    batch = DialogueBatch(
        **padded,
        user=torch.tensor(users, dtype=torch.long),
        example_id=torch.tensor(example_ids, dtype=torch.long),
        pad_id=pad_id,
        tokens_per_step=tokens_per_step,
        rows_per_step=rows_per_step,
        num_words=torch.tensor(num_words, dtype=torch.long),
        num_characters=torch.tensor(num_characters, dtype=torch.long),
    )
    most = int(candidate_counts.max(initial=0))
    if most == 0:
        return batch
    flat_ids, flat_mask = candidates.padded(pad_id)  # [sum of counts, R']
    present = torch.from_numpy(np.arange(most) < candidate_counts[:, None])  # [B, K]
    ids = flat_ids.new_full((*present.shape, flat_ids.size(1)), pad_id)  # [B, K, R']
    mask = flat_mask.new_zeros(ids.shape)
    ids[present], mask[present] = flat_ids, flat_mask
    return replace(batch, candidates=ids, candidates_mask=mask, gold=torch.as_tensor(gold, dtype=torch.long))
