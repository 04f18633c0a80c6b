"""A network in one folder that needs nothing else: safetensors, tokenizer, and the settings to build it by.

`zoo.load(FOLDER)` reads what `write_portable` wrote, on any machine: no checkpoint, no run directory, no hub.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from zoo.backbones import Backbone
from zoo.errors import UserError
from zoo.files import write_atomically
from zoo.module import DialogueModule

WEIGHTS, SETTINGS = "model.safetensors", "config.yaml"
EXPORTED = "exported"  # in the settings: which part of the module the weights are
HERE = "."  # in a path of the settings: the folder itself
BACKBONE = "zoo.backbones.Backbone"


def write_portable(module: DialogueModule, folder: Path, part: str) -> None:
    """Write config.yaml, and for part="net" model.safetensors; the tokenizer, and else the weights, are written apart.

    Args:
        module: of a run.
        folder: is made.
        part: "net", a network that only we know; or "lm", the Hugging Face model in it, which `save_pretrained` wrote.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if part == "net":
        safetensors.torch.save_model(module.net, str(folder / WEIGHTS), {"format": "pt"})
    settings: dict[str, Any] = {
        EXPORTED: part,
        "seed": module.run_config["seed"],
        **{name: module.run_config[name] for name in ("protocol", "template") if name in module.run_config},
        "model": dict(module.run_config["model"]),
    }
    if part == "lm":  # an ordinary network, whoever's copy it was
        settings["model"]["learner"] = {"_target_": "zoo.learners.Supervised"}
        settings["model"]["ranking"] = None
        own = settings["model"]["net"]
        settings["model"]["net"] = own | {key: value for key, value in _EVERYBODYS.items() if key in own}
    if "start_from" in settings["model"]["net"]:
        settings["model"]["net"] = settings["model"]["net"] | {"start_from": None}
    place = portable_backbone if part == "net" else _weights_here
    settings = backbones_replaced(settings, place)
    text = OmegaConf.to_yaml(OmegaConf.create(without_judges(settings)))
    write_atomically(folder / SETTINGS, [text.encode()])


def is_exported(folder: Path) -> bool:
    """Did `write_portable` write it?"""
    if not (folder / SETTINGS).is_file() or (folder / "checkpoints").is_dir():
        return False
    return re.search(rf"^{EXPORTED}:", (folder / SETTINGS).read_text(encoding="utf-8"), re.MULTILINE) is not None


def located(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The settings with the folder's own path for "here"."""

    def locate(backbone: dict[str, Any]) -> dict[str, Any]:
        here = {key: str(folder) for key in ("path", "tokenizer_path") if backbone.get(key) == HERE}
        return backbone | here

    return backbones_replaced(settings, locate)


def read_weights(module: DialogueModule, folder: Path, part: str) -> None:
    """Put the folder's weights in.

    Raises:
        UserError: they are missing, cut short, or another network's.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise UserError(f"There is no {path}; expected the weights of an exported model in one file. Export it again.")
    try:
        safetensors.torch.load_model(module.net if part == "net" else module.net.lm, str(path), device="cpu")
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise UserError(
            f"{path} does not fit {folder / SETTINGS} ({str(error).splitlines()[0]}); expected the two as they were "
            "exported. Export the run again."
        ) from error


def portable_backbone(described: dict[str, Any]) -> dict[str, Any]:
    """A backbone of which only shape and tokenizer are asked: all its weights come with the network's.

    One whose weights have more rows than its tokenizer has tokens stays what it was: its shape is known to its weights
    alone.
    """
    backbone: Backbone = instantiate(described)
    config = backbone.config()
    if backbone.pretrained and config.vocab_size != backbone.tokenizer().vocab_size:
        return described | {"tokenizer_path": HERE}
    architecture = config.to_diff_dict()
    for key in ("architectures", "dtype", "transformers_version", "vocab_size"):
        architecture.pop(key, None)
    shape = {"architecture": {"model_type": config.model_type, **architecture}, "path": None, "revision": None}
    return (
        described | shape | {"pretrained": False, "tokenizer_path": HERE, "width": None, "depth": None, "heads": None}
    )


def without_judges(settings: dict[str, Any]) -> dict[str, Any]:
    """With the usual scorers and embedders in metrics: to answer none is needed, and its folder may be gone."""
    metrics = {
        name: metric
        | ({"scorer": {"_target_": "zoo.scorers.lexical.LexicalNli"}} if "scorer" in metric else {})
        | ({"embedder": {"_target_": "zoo.scorers.characters.CharacterNgrams"}} if "embedder" in metric else {})
        for name, metric in settings["model"]["metrics"]["metrics"].items()
    }
    model = settings["model"] | {"metrics": settings["model"]["metrics"] | {"metrics": metrics}}
    return settings | {"model": model}


def backbones_replaced(node: Any, replace: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A copy of nested settings with `replace` done to every backbone."""
    if isinstance(node, Mapping):
        if node.get("_target_") == BACKBONE:
            return replace(dict(node))
        return {key: backbones_replaced(value, replace) for key, value in node.items()}
    return [backbones_replaced(value, replace) for value in node] if isinstance(node, list) else node


def _weights_here(described: dict[str, Any]) -> dict[str, Any]:
    sizes = dict.fromkeys(("tokenizer_path", "revision", "width", "depth", "heads"))
    return described | sizes | {"path": HERE, "pretrained": True}


_EVERYBODYS = {"shared": True, "banked": False}
