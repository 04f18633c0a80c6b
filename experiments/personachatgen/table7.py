"""Table 7 of runs: F1, perplexity and C of each on PersonaChat, on the generated dialogues and on both together (COMB).

python experiments/personachatgen/table7.py M1=RUN_DIR[,RUN_DIR...] M2=RUN_DIR[,...] [--out FOLDER]

Values are computed again from every run's generations; COMB's are of both test sets' rows together, so each reply
counts once. Several runs of a row are seeds: mean and standard deviation. Writes table7.md and table7.json.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

from zoo.errors import UserError
from zoo.evidence.output import write_json
from zoo.files import write_atomically
from zoo.launch import user_message
from zoo.metrics.protocols import load_protocol, recorded_protocol, run_config
from zoo.metrics.recompute import generations_by_set, measured

SETS = ("personachat", "personachatgen", "comb")
METRICS = {"f1_parlai": "F1", "ppl_token": "PPL", "c_score": "C"}


def row(run_dir: Path) -> dict[str, float]:
    """<set>/<metric> of one run, COMB among the sets."""
    rows = generations_by_set(run_dir)
    if set(rows) != {"personachat", "personachatgen"}:
        raise UserError(
            f"{run_dir} was tested on {', '.join(rows) or 'nothing'}; expected the test sets personachat and "
            "personachatgen: data=personachat_personachatgen with data.apart=true, as experiment=personachatgen/m1 has."
        )
    rows["comb"] = [*rows["personachat"], *rows["personachatgen"]]
    suite = load_protocol(recorded_protocol(run_dir), usual=run_config(run_dir))
    values = measured(rows, suite).metrics
    return {f"{name}/{metric}": values[f"test/{name}/{metric}"] for name in SETS for metric in METRICS} | {
        f"{name}/n": float(len(rows[name])) for name in SETS
    }


def made_by(run_dir: Path) -> list[str]:
    """The language models that wrote the generated dialogues."""
    splits = json.loads((run_dir / "provenance.json").read_text())["data"]["splits"]
    return list(splits["test"]["corpus"]["parts"]["personachatgen"]["made_by"])


def shown(values: list[float], digits: int) -> str:
    """A mean, with the deviation of several."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", metavar="NAME=RUN_DIR,...")
    parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER")
    options = parser.parse_args(arguments)
    groups = {}
    for given in options.rows:
        name, sign, runs = given.partition("=")
        if not sign:
            raise UserError(f"{given!r} was given; expected NAME=RUN_DIR,..., as in M1=outputs/m1.")
        groups[name] = [Path(run) for run in runs.split(",")]
    found = {name: [row(run) for run in runs] for name, runs in groups.items()}
    runs = [run for group in groups.values() for run in group]
    models = sorted({model for run in runs for model in made_by(run)})
    scorers = sorted({str(run_config(run)["scorer"]["_target_"]).rpartition(".")[2] for run in runs})
    first = next(iter(found.values()))[0]
    head = [f"{short} {name} (n = {first[f'{name}/n']:.0f})" for name in SETS for short in METRICS.values()]
    lines = [
        f"Dialogues of personachatgen were written by: {', '.join(models)}. C by {', '.join(scorers)}.",
        *(["The grammar exercises the code; it replicates nothing."] if any("grammar" in m for m in models) else []),
        "",
        f"| row | {' | '.join(head)} |",
        "|---" * (1 + len(head)) + "|",
        *(
            f"| {name} | "
            + " | ".join(
                shown([one[f"{part}/{metric}"] for one in group], 2 if metric == "c_score" else 1)
                for part in SETS
                for metric in METRICS
            )
            + " |"
            for name, group in found.items()
        ),
    ]
    print("\n".join(lines))
    options.out.mkdir(parents=True, exist_ok=True)
    write_atomically(options.out / "table7.md", ["\n".join(lines).encode() + b"\n"])
    write_json(options.out / "table7.json", {"made_by": models, "scorers": scorers, "rows": found})


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(user_message(error), file=sys.stderr)
        sys.exit(2)
