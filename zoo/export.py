"""`python -m zoo.export RUN_DIR FOLDER`: a run's language model as a Hugging Face folder, for `backbone.path=`."""

import argparse
import json
from pathlib import Path

from zoo.data.licence import refuse_to_publish
from zoo.launch import readable_errors
from zoo.loading import load
from zoo.models.adapted import AdaptedModel


def export(run_dir: Path, folder: Path, checkpoint: str = "best") -> None:
    """Write weights, configuration and tokenizer to `folder`.

    Adapters need no export: `RUN_DIR/adapters` has a PEFT folder for every user.

    Raises:
        UserError: no such run, or the licence of its data forbids to hand on what was trained on them.
    """
    provenance = run_dir / "provenance.json"
    if provenance.is_file():
        refuse_to_publish(json.loads(provenance.read_text(encoding="utf-8")))
    module = load(run_dir, checkpoint)
    if isinstance(module.net, AdaptedModel):
        print(f"this run trained adapters, each a PEFT folder in {run_dir / 'adapters'}; the backbone is as it was")
    module.net.lm.save_pretrained(folder)
    module.template.tokenizer.save_pretrained(folder)
    print(f"language model and tokenizer: {folder}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", default="best", help="best, last, or a file")
    options = parser.parse_args()
    with readable_errors():
        export(options.run_dir, options.folder, options.checkpoint)


if __name__ == "__main__":
    main()
