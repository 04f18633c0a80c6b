"""How a PAA block joins what it read from the persona with what it read from the context.

Source: Huang et al. 2023, "Personalized Dialogue Generation with Persona-Adaptive Attention" (arXiv:2210.15088),
Equations 4-7 and Figure 4. The first six fusions below are the rows of the paper's Table 4.

Letters: B batch, T decoder positions, D hidden. Symbols: h residual stream after self-attention, o_p and o_u what the
cross-attentions brought from persona and context (all [B, T, D]), w gates in (0, 1), tau the threshold [B, 1, 1].
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.errors import UserError

GATES = {  # which sources have a gate of their own: persona, context (the utterances)
    "paa": "p",
    "context": "u",
    "dual": "pu",
    "skipped": "p",
    "param": "p",
    "direct_sum": "",
    "context_reference": "pu",
    "dual_reference": "pu",
    "attention_routing": "",
}
FUSIONS = tuple(GATES)
MASKED = ("paa", "context", "dual", "skipped", "context_reference", "dual_reference")  # the others keep every entry
MASK_RULES = ("keep_above", "keep_below")


class Gate(nn.Linear):
    """w = sigmoid(W [h; o] + b), always in float32 or better.

    The residual stream of a pretrained GPT-2 has outlier channels: in bf16 the sum, and with it the comparison against
    tau, would change with the autocast setting.
    """

    def __init__(self, width: int) -> None:
        super().__init__(2 * width, width)

    def pre_activation(self, first: Tensor, second: Tensor) -> Tensor:
        """W [first; second] + b: [B, T, D] twice -> [B, T, D]."""
        with torch.autocast(first.device.type, enabled=False):
            dtype = torch.promote_types(self.weight.dtype, torch.float32)
            joined = torch.cat([first, second], dim=-1).to(dtype)  # [B, T, 2D]
            return F.linear(joined, self.weight.to(dtype), self.bias.to(dtype))  # [B, T, D]

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The gate's weights in (0, 1): [B, T, D] twice -> [B, T, D]."""
        return torch.sigmoid(self.pre_activation(first, second))


class Masks(nn.Module):
    """Which entries of o_p and o_u a fusion keeps. Without weights: a module for `zoo.models.mask_watch` to hook."""

    def __init__(self, kind: str, mask_rule: str) -> None:
        super().__init__()
        self.kind = kind
        self.mask_rule = mask_rule

    def forward(self, w_p: Tensor | None, w_u: Tensor | None, tau: Tensor) -> tuple[Tensor, Tensor | None]:
        """Both gates [B, T, D] (None: the fusion lacks it) and tau [B, 1, 1] -> bool [B, T, D] for o_p and for o_u.

        None: all of it, as `skipped` keeps all of o_u.
        """
        if self.kind == "skipped":
            return self.above(w_p, tau), None
        if self.kind in ("context", "context_reference"):
            return self.below(w_u, tau), self.above(w_u, tau)
        if self.kind == "dual":
            return self.above(w_p, tau), self.above(w_u, tau)
        return self.above(w_p, tau), self.below(w_p if self.kind == "paa" else w_u, tau)

    def above(self, w: Tensor, tau: Tensor) -> Tensor:
        """The mask of the source weighted by w: [w > tau], or its complement."""
        return w > tau if self.mask_rule == "keep_above" else w <= tau

    def below(self, w: Tensor, tau: Tensor) -> Tensor:
        """The mask of the source weighted by 1 - w: [1 - w > tau], or its complement."""
        return w < 1 - tau if self.mask_rule == "keep_above" else w >= 1 - tau


class Fusion(nn.Module):
    """H from (h, o_p, o_u); the block adds H to h.

    | fusion     | H                                                                       |
    |------------|-------------------------------------------------------------------------|
    | paa        | w_p [w_p > tau] o_p + (1 - w_p) [w_p < 1 - tau] o_u       (Eq. 4-7)     |
    | context    | (1 - w_u) [w_u < 1 - tau] o_p + w_u [w_u > tau] o_u                     |
    | dual       | w_p [w_p > tau] o_p + w_u [w_u > tau] o_u                               |
    | skipped    | w_p [w_p > tau] o_p + o_u                                               |
    | param      | W_p [o_p; o_u] + b_p: no sigmoid, no mask                               |
    | direct_sum | o_p + o_u                                                               |

    What the authors' release computes under two of these names, and the routing of Zheng et al. 2020
    (arXiv:1911.04700) as the paper re-implements it, alpha 0.2 (Equation 10; its released settings have 0.1):

    | fusion            | H                                                                                      |
    |-------------------|----------------------------------------------------------------------------------------|
    | context_reference | w_p [w_u < 1 - tau] o_p + (1 - w_p) [w_u > tau] o_u: masks from another gate, which    |
    |                   | no gradient reaches, so that it stays as random as it began                            |
    | dual_reference    | half of w_p [w_p > tau] o_p + (1 - w_p) [w_p < 1 - tau] LN_p(h)                        |
    |                   | + w_u [w_u < 1 - tau] o_u + (1 - w_u) [w_u > tau] LN_u(h)                              |
    | attention_routing | alpha o_p + (1 - alpha) o_u + o_u                                                      |

    The brackets are 0/1 per position and channel; no gradient flows through a comparison, and all are strict.
    `mask_rule="keep_above"` is Equation 6 and the released code. The paper's Listing 1 prints the complement of both
    masks: `"keep_below"` (there, an entry with w equal to the threshold is kept).
    """

    def __init__(self, kind: str, width: int, *, mask_rule: str = "keep_above", routing_alpha: float = 0.2) -> None:
        super().__init__()
        if kind not in FUSIONS:
            raise UserError(f"model.net.fusion is {kind!r}; expected one of {', '.join(FUSIONS)}")
        if mask_rule not in MASK_RULES:
            raise UserError(f"model.net.mask_rule is {mask_rule!r}; expected one of {', '.join(MASK_RULES)}")
        self.kind = kind
        self.masks = Masks(kind, mask_rule) if kind in MASKED else None
        self.routing_alpha = routing_alpha
        self.persona_gate = Gate(width) if "p" in GATES[kind] else None
        self.context_gate = Gate(width) if "u" in GATES[kind] else None

    def forward(
        self,
        h: Tensor,
        o_p: Tensor,
        o_u: Tensor,
        tau: Tensor,
        normed: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """[B, T, D] three times and tau [B, 1, 1] -> H [B, T, D], in the dtype of o_p.

        `normed`: LN_p(h) and LN_u(h), which `dual_reference` reads.
        """
        if self.kind == "direct_sum":
            return o_p + o_u
        if self.kind == "attention_routing":
            return self.routing_alpha * o_p + (1 - self.routing_alpha) * o_u + o_u
        if self.kind == "param":
            return self.persona_gate.pre_activation(o_p, o_u).to(o_p.dtype)
        w_p = self.persona_gate(h, o_p) if self.persona_gate is not None else None
        w_u = self.context_gate(h, o_u) if self.context_gate is not None else None
        kept_p, kept_u = self.masks(w_p, w_u, tau)
        if self.kind == "context":
            return ((1 - w_u) * kept_p * o_p + w_u * kept_u * o_u).to(o_p.dtype)
        from_persona = w_p * kept_p * o_p
        if self.kind == "skipped":
            return (from_persona + o_u).to(o_p.dtype)
        if self.kind == "dual":
            return (from_persona + w_u * kept_u * o_u).to(o_p.dtype)
        if self.kind == "paa":
            return (from_persona + (1 - w_p) * kept_u * o_u).to(o_p.dtype)
        if self.kind == "context_reference":  # a zero of w_u: its gate is never trained, but DDP waits for a gradient
            return (from_persona + (1 - w_p) * kept_u * o_u + 0 * w_u).to(o_p.dtype)
        normed_p, normed_u = normed  # dual_reference
        of_persona = from_persona + (1 - w_p) * self.masks.below(w_p, tau) * normed_p
        of_context = w_u * kept_u * o_u + (1 - w_u) * self.masks.above(w_u, tau) * normed_u
        return ((of_persona + of_context) / 2).to(o_p.dtype)
