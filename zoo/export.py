"""`python -m zoo.export RUN_DIR FOLDER`: what a run trained, as a folder ready for the hub: weights, tokenizer, card.

A language model is written by `save_pretrained` (also for `backbone.path=`), adapters as PEFT folders, networks that
only we know as safetensors; `zoo.load(FOLDER)` answers by all but bare adapters.
"""

import argparse
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from transformers.utils.logging import disable_progress_bar

from zoo.adapters.adapter import Adapter
from zoo.adapters.merge import merge_lora
from zoo.adapters.peft_folder import write_files
from zoo.adapters.store import AdapterStore
from zoo.data.licence import refuse_to_publish
from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.hub_metadata import Exported
from zoo.launch import readable_errors
from zoo.lineage import data_in, records_behind
from zoo.loading import load
from zoo.model_card import card
from zoo.models.adapted import AdaptedModel
from zoo.models.finetune import FineTune
from zoo.module import DialogueModule
from zoo.portable import write_portable
from zoo.provenance import write_record
from zoo.run_record import finished_run

USERS, PACKED, BACKBONE = "users", "adapters.zoo", "backbone"
HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")  # a name, or OWNER/NAME
WRITTEN = re.compile(  # what exports have written; a folder of nothing else may be replaced
    r"README\.md|provenance\.json|.*config\.json|config\.yaml|.*\.safetensors(\.index\.json)?|users|backbone|adapters\.zoo|"
    r"(.*token.*|vocab|special_.*)\.json|merges\.txt|vocab\.txt|.*\.model|chat_template\.jinja|\.gitattributes"
)


def export(
    run_dir: Path,
    folder: Path,
    checkpoint: str = "best",
    user: str | None = None,
    merge: bool = False,
    base_model: str | None = None,
) -> None:
    """Write weights, settings, tokenizer and card to `folder`.

    Args:
        run_dir: of a finished run.
        folder: is made; an earlier export there is replaced.
        checkpoint: best, last, or a file.
        user: whose adapter to write, "shared" for the one of all; or whose copy of the network. None takes all
            adapters.
        merge: write the backbone with the user's LoRA in its weights, for servers that know nothing of adapters.
        base_model: hub id of the backbone of adapters, with its commit behind an "@", where the run read it from a
            folder; without it, the backbone is written beside them.

    Raises:
        UserError: no such run or user, one that is unfinished or edited, an adapter that cannot be merged, a folder
            with other things in it, or the licence of the data behind the run forbids to hand on what was trained.
    """
    run = finished_run(run_dir, scored=False)
    _, *others = records = records_behind(run)
    for record in records:
        refuse_to_publish(record)
    behind = [data for record in others for data in data_in(record)]
    check_replaceable(folder)
    module = load(run_dir, checkpoint)
    adapted = isinstance(module.net, AdaptedModel)
    if user is not None and not adapted and not (isinstance(module.net, FineTune) and module.net.banked):
        raise UserError(f"--user {user} was given, but {run_dir} trained no adapters; leave it out.")
    if merge and (not adapted or user is None):
        raise UserError("--merge was given; expected a run of LoRA and --user ID, whose LoRA goes into the weights.")
    if base_model is not None and not (adapted and not merge):
        raise UserError(f"--base-model {base_model} was given, but no adapters are written; leave it out.")

    def write(place: Path) -> Exported:
        if adapted and not merge:
            what = write_adapters(module, place, user, base_model)
        else:
            what = write_network(module, place, user, run_dir)
        module.template.tokenizer.save_pretrained(place)
        write_record(place, run.provenance | ({"behind": behind} if behind else {}))
        write_atomically(place / "README.md", [card(run, what, behind).encode()])
        return what

    print(f"{_replaced(folder, write).describe()}: {folder}")


def write_network(module: DialogueModule, folder: Path, user: str | None, run_dir: Path) -> Exported:
    """The whole network: a language model as transformers writes it, others as `zoo.portable` does."""
    net, network = module.net, module.net.lm
    if isinstance(net, FineTune) and net.banked:
        if user is None and net.has_user_rows:
            raise UserError(f"{run_dir} trained a copy of the weights for every user; name one by --user ID.")
        net.bank.write(net.row_of(user or ""))
    elif isinstance(net, AdaptedModel):
        network = merge_lora(network, net.adapter(user or ""))
        network.save_pretrained(folder)
        return Exported("merged", type(network).__name__, user=user)
    if isinstance(net, FineTune):
        network.save_pretrained(folder)
        write_portable(module, folder, part="lm")
        return Exported("language_model", type(network).__name__, user=user)
    write_portable(module, folder, part="net")
    return Exported("network", type(net).__name__)


def write_adapters(module: DialogueModule, folder: Path, user: str | None, base_model: str | None) -> Exported:
    """One adapter at the top, or all below users/ and packed; the backbone too, unless it is on the hub."""
    net = module.net
    assert isinstance(net, AdaptedModel)
    described = module.run_config["model"]["net"]["backbone"]
    base, revision = described["path"], described.get("revision")
    if base_model is not None:
        base, _, given = base_model.partition("@")
        revision = given or None
        if not HUB_ID.fullmatch(base):
            raise UserError(f"--base-model {base_model} was given; expected a hub id, OWNER/NAME or OWNER/NAME@COMMIT.")
    elif not described.get("pretrained") or not base or Path(base).exists() or not HUB_ID.fullmatch(base):
        base = revision = None
        net.lm.save_pretrained(folder / BACKBONE)

    def published(name: str) -> Adapter:
        adapter = net.adapter(name)
        return replace(adapter, config={**adapter.config, "base_model_name_or_path": base, "revision": revision})

    what = Exported("adapters", type(net.lm).__name__, kind=net.bank.kind, base=base, revision=revision)
    if net.shared or user is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_files(folder, published(user or "shared"))
        return replace(what, form="adapter", user=None if net.shared else user)
    store = AdapterStore(folder / USERS)
    for name in net.users:
        store.save(name, published(name))
    store.pack(folder / PACKED)
    for left in (".lock", ".former"):
        path = folder / USERS / left
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return replace(what, users=len(net.users), example=store.path(net.users[0]).name)


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


def check_replaceable(folder: Path) -> None:
    """An export replaces nothing but another export.

    Raises:
        UserError: names what lies there.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; expected a folder to be made.")
    others = (
        sorted(path.name for path in folder.iterdir() if not WRITTEN.fullmatch(path.name)) if folder.exists() else []
    )
    if others:
        raise UserError(
            f"{folder} holds {', '.join(others[:5])}, which no export wrote; expected a new folder, or an earlier "
            "export to replace. Name another one."
        )


def _replaced(folder: Path, write: Callable[[Path], Exported]) -> Exported:
    """What `write` says of the folder that it filled, which then takes the place of `folder`."""
    folder = Path(os.path.abspath(folder))
    building, former = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("new", "former"))
    try:
        written = write(building)
        if folder.exists():
            os.rename(folder, former)
        os.rename(building, folder)
    except BaseException:
        if former.exists() and not folder.exists():
            os.rename(former, folder)
        raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    shutil.rmtree(former, ignore_errors=True)
    return written


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m zoo.export", description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", default="best", help="best, last, or a file")
    parser.add_argument("--user", metavar="ID", help="this user's adapter alone, or copy of the network")
    parser.add_argument("--merge", action="store_true", help="the backbone with the user's LoRA in its weights")
    parser.add_argument(
        "--base-model", metavar="ID[@COMMIT]", help="the adapters' backbone on the hub, if read locally"
    )
    options = parser.parse_args()
    disable_progress_bar()  # of loading and writing weights
    with readable_errors():
        export(options.run_dir, options.folder, options.checkpoint, options.user, options.merge, options.base_model)


if __name__ == "__main__":
    main()
