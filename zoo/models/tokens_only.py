"""Computing on the tokens of padded rows and not on the pads between them.

Letters: B batch, T padded positions, N tokens, D hidden.
"""

from torch import Tensor


class TokensOnly:
    """Takes the valid positions out of [B, T, D], as [N, D], and puts results back.

    Args:
        mask: [B, T] bool, True on tokens; None computes on every position, and both methods return what they are given.
    """

    def __init__(self, mask: Tensor | None) -> None:
        self.shape = None if mask is None else mask.shape
        self.index = None if mask is None else mask.flatten().nonzero().squeeze(1)  # [N]

    def take(self, states: Tensor) -> Tensor:
        """[B, T, D] -> [N, D]."""
        return states if self.index is None else states.flatten(0, 1).index_select(0, self.index)

    def put_back(self, tokens: Tensor) -> Tensor:
        """[N, D] -> [B, T, D], zeros on pads."""
        if self.index is None or self.shape is None:
            return tokens
        states = tokens.new_zeros(self.shape.numel(), tokens.size(-1))  # [B * T, D]
        return states.index_copy(0, self.index, tokens).view(*self.shape, -1)
