"""What stands behind a run: its own record, and those of the runs and folders that its weights came from."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from zoo.provenance import read_record
from zoo.run_record import FinishedRun

# settings that name weights, wherever they stand; a source stage's are among them
STARTS = ("init_from", "start_from", "saved", "directory", "path")


def records_behind(run: FinishedRun) -> list[dict[str, Any]]:
    """provenance.json of the run, and of every run or exported folder that it began from and that is still there."""
    seen: dict[Path, dict[str, Any]] = {run.run_dir.resolve(): run.provenance}
    waiting = [*_starts(run.config), str(run.run_dir / "source")]
    while waiting:
        given = Path(waiting.pop())
        for place in (given, given.parent):  # RUN_DIR/source/backbone, RUN_DIR/adapters
            folder = place.resolve()
            if folder in seen or not (folder / "provenance.json").is_file():
                continue
            seen[folder] = read_record(folder) or {}
            if (folder / "config.yaml").is_file():
                waiting += _starts(_settings(folder))
            break
    return list(seen.values())


def data_in(record: Mapping[str, Any]) -> list[Any]:
    """What a record says of data: of all sessions, and of an exported folder's what its own weights came from."""
    return [
        *(session["data"] for session in (*record.get("earlier", []), record) if "data" in session),
        *record.get("behind", []),
    ]


def _starts(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in STARTS and isinstance(value, str):
                if value != ".":  # an exported folder's own place; its record has what came before
                    yield value
            else:
                yield from _starts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _starts(value)


def _settings(folder: Path) -> Any:
    return OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
