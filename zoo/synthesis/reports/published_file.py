"""Where the published numbers of PersonaChatGen lie in a checkout."""

from functools import cache
from pathlib import Path

from zoo.synthesis.analyses.published import Published, read_published

FILE = Path(__file__).parents[3] / "experiments" / "personachatgen" / "published.toml"


@cache
def published() -> Published | None:
    """The paper's tables; None outside a checkout."""
    return read_published(FILE) if FILE.is_file() else None
