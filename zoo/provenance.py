"""Which code made a file."""

import subprocess
from pathlib import Path
from typing import Any


def code_version() -> dict[str, Any]:
    """Commit of the checkout this code lies in, and whether it was changed since; empty outside a checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=20, check=True
        )
        return done.stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return {}
