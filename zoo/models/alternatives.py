"""Several responses behind one prompt in one row, none of which sees the others (`DialogueBatch.side_by_side`).

Persona, context and prompt are read once for all of them; twenty candidates cost one row of their tokens instead of
twenty rows with everything before them.

Letters: B batch, M prefix, C prompt, R response positions, T queries (C + R, or R alone in a decoder of its own).
"""

import torch
from torch import Tensor

# Added to the score of a key that is not to be read: its weight is 0, yet a pad that reads nothing at all is no NaN, in
# half precision neither (the least float32 becomes -inf when autocast makes it bf16).
BLOCKED = -1e4


class Alternatives:
    """Where the tokens of responses stand that follow the same prompt.

    Args:
        number: [B, R] which response a position is of, ascending within a row; pads have a number of their own.
        there: bool [B, R], False on pads.

    Attributes:
        offset: [B, R] place within its response, from 0; 0 on pads, of which there may be more than positions.
    """

    def __init__(self, number: Tensor, there: Tensor) -> None:
        self.number = number
        place = torch.arange(number.size(1), device=number.device).expand_as(number)  # [B, R]
        begins = torch.ones_like(number, dtype=torch.bool)
        begins[:, 1:] = number[:, 1:] != number[:, :-1]
        self.offset = (place - (place * begins).cummax(dim=1).values) * there

    def before(self, states: Tensor, prompt: int) -> Tensor:
        """Of joined states [B, C + R, D] those from which each response token is predicted: [B, R, D]."""
        place = torch.arange(self.offset.size(1), device=states.device)
        index = torch.where(self.offset == 0, prompt - 1, prompt - 1 + place)  # [B, R]
        return states.gather(1, index[..., None].expand(-1, -1, states.size(-1)))

    def shifted(self, response: Tensor, start: int) -> Tensor:
        """A decoder's inputs: each response one place to the right, `start` before its first token: [B, R]."""
        return response.roll(1, dims=1).masked_fill(self.offset == 0, start)

    def mask(self, before: Tensor, prompt: int, dtype: torch.dtype) -> Tensor:
        """Additive attention mask [B, 1, T, M + C + R] of T = C + R queries: 0 where a query reads a key.

        Args:
            before: bool [B, M + C], what stands before the responses; its last C columns are queries too.
            prompt: C.
            dtype: of the network.
        """
        seen, R = before.size(1), self.number.size(1)
        shared = torch.full_like(before, -1, dtype=torch.long)  # [B, M + C]
        of_key = torch.cat([shared, self.number], dim=1)  # [B, M + C + R]
        of_query = of_key[:, seen - prompt :]  # [B, T]
        valid = torch.cat([before, torch.ones_like(self.number, dtype=torch.bool)], dim=1)
        place = torch.arange(seen + R, device=before.device)
        earlier = place <= place[seen - prompt :, None]  # [T, M + C + R]
        reads = (of_key[:, None] == -1) | (of_key[:, None] == of_query[..., None])  # [B, T, M + C + R]
        reads = reads & valid[:, None] & earlier
        return torch.zeros(reads.shape, dtype=dtype, device=before.device).masked_fill(~reads, BLOCKED)[:, None]
