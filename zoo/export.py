"""`python -m zoo.export RUN_DIR FOLDER`: a run's language model as a Hugging Face folder, for `backbone.path=`."""

import argparse
import json
import os
import shutil
from pathlib import Path

from transformers import CONFIG_MAPPING
from transformers.utils.logging import disable_progress_bar

from zoo.adapters.merge import merge_lora
from zoo.data.licence import refuse_to_publish
from zoo.errors import UserError
from zoo.launch import readable_errors
from zoo.loading import load
from zoo.models.adapted import AdaptedModel
from zoo.models.finetune import FineTune


def export(run_dir: Path, folder: Path, checkpoint: str = "best", user: str | None = None) -> None:
    """Write weights, configuration and tokenizer to `folder`.

    Adapters need no export: `RUN_DIR/adapters` has a PEFT folder for every user. A LoRA can also be merged into the
    weights, for servers that know nothing of adapters. Of fine-tuned copies, one a user, the user's is written.

    Args:
        run_dir: what run.py filled.
        folder: is made.
        checkpoint: best, last, or a file.
        user: whose LoRA to merge, "shared" for the one of all; or whose copy to write.

    Raises:
        UserError: no such run or user, an adapter that cannot be merged, or the licence of the run's data forbids to
            hand on what was trained on them.
    """
    provenance = run_dir / "provenance.json"
    if provenance.is_file():
        refuse_to_publish(json.loads(provenance.read_text(encoding="utf-8")))
    module = load(run_dir, checkpoint)
    network = module.net.lm
    if isinstance(module.net, FineTune) and module.net.banked:
        if user is None and module.net.has_user_rows:
            raise UserError(f"{run_dir} trained a copy of the weights for every user; name one by --user ID.")
        module.net.bank.write(module.net.row_of(user or ""))
    elif user is not None:
        if not isinstance(module.net, AdaptedModel):
            raise UserError(f"--user {user} was given, but {run_dir} trained no adapters; leave it out.")
        network = merge_lora(network, module.net.adapter(user))
    elif isinstance(module.net, AdaptedModel):
        print(f"this run trained adapters, each a PEFT folder in {run_dir / 'adapters'}; the backbone is as it was")
    if network.config.model_type not in CONFIG_MAPPING:
        raise UserError(
            f"{run_dir} trained a {type(module.net).__name__}, whose network transformers does not know, so no folder "
            "of it could be a backbone. Use the run itself: zoo.load(RUN_DIR)."
        )
    network.save_pretrained(folder)
    module.template.tokenizer.save_pretrained(folder)
    print(f"language model and tokenizer: {folder}")


def write_backbone(run_dir: Path, folder: Path) -> None:
    """The network that a run trained for everybody, as a folder for the runs that go on from it; whole or not at all.

    Where several processes write it at once, the first one's stays.

    Args:
        run_dir: of a run of model=finetune.
        folder: is made; not a publication, so no licence is asked.
    """
    module = load(run_dir)
    building = folder.with_name(f".{folder.name}.{os.getpid()}")
    module.net.lm.save_pretrained(building)
    module.template.tokenizer.save_pretrained(building)
    try:
        os.replace(building, folder)
    except OSError:
        shutil.rmtree(building)
        if not folder.is_dir():
            raise


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m zoo.export", description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", default="best", help="best, last, or a file")
    parser.add_argument("--user", help="this user's LoRA merged into the weights, or copy of them")
    options = parser.parse_args()
    disable_progress_bar()  # of loading and writing weights
    with readable_errors():
        export(options.run_dir, options.folder, options.checkpoint, options.user)


if __name__ == "__main__":
    main()
