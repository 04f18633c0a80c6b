"""`SetsReport`: what making persona sets took, and what it left."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class SetsReport:
    """Counts of one `PersonaSets.make`."""

    mode: str  # of CoNL
    threshold: float
    both_directions: bool
    wanted: int  # sets
    made: int = 0
    shortfall: str | None = None  # why fewer were made, as a sentence
    calls: int = 0  # directed pairs that the contradiction scorer was asked for
    check_calls: int = 0  # further ones, to count the contradictory pairs in finished sets
    contradictory_pairs: int = 0  # in finished sets, above the threshold in either direction
    pools: int = 0  # consistent pools that sets were drawn from
    fruitless_pools: int = 0  # pools that gave no new set
    incomplete_pools: int = 0  # the released mode came to its limit there
    dropped: Counter[str] = field(default_factory=Counter)  # category -> pools in which none of its sentences fitted
    empty: tuple[str, ...] = ()  # categories without sentences from the beginning
    sentences: int = 0  # distinct texts given
    uses: Counter[int] = field(default_factory=Counter)  # uses -> distinct texts used so often; 0 is among them

    @property
    def calls_per_set(self) -> float:
        """Scorer calls for each set made."""
        return self.calls / self.made if self.made else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        counts = {"dropped": dict(sorted(self.dropped.items())), "empty": list(self.empty)}
        uses = {str(uses): self.uses[uses] for uses in sorted(self.uses)}
        return asdict(self) | counts | {"uses": uses, "calls_per_set": self.calls_per_set}
