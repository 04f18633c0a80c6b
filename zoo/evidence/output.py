"""What reports write: JSON, and lines on a console that does not fold them. Figures are in `zoo.evidence.plots`."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from zoo.files import write_atomically


def wide_console() -> Console:
    """Standard output; in a log file rich would fold tables to 80 characters."""
    console = Console()
    if not console.is_terminal:
        console.width = 120
    return console


def write_json(path: Path, contents: Any) -> None:
    """Write `contents`, indented, in full precision."""
    write_atomically(path, [json.dumps(contents, indent=2, ensure_ascii=False).encode() + b"\n"])


def tell_files(console: Console, first: Path, *others: str) -> None:
    """Say in one line what was written: a path, and the names of files beside it."""
    names = f", {', '.join(others[:-1])} and {others[-1]}" if len(others) > 1 else "".join(f" and {o}" for o in others)
    console.print(f"{first}{names}", highlight=False, markup=False, soft_wrap=True)
