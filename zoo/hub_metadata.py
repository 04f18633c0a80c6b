"""What the hub reads of an exported run: the YAML of its model card, and what lies in the folder."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from zoo.data.corpus_facts import NOT_RECORDED, WRITTEN_HERE, CorpusFacts, corpora_in
from zoo.run_record import FinishedRun

HUB_LICENCES = {"CC BY 4.0": "cc-by-4.0", "CC BY-NC-SA 4.0": "cc-by-nc-sa-4.0", "MIT": "mit"}


@dataclass(frozen=True)
class Exported:
    """What lies in a folder.

    Attributes:
        form: language_model, merged, network, adapter (one) or adapters (of users).
        of: the class of the network, or of the adapters' backbone.
        user: whose it is.
        kind: of adapters: prompt, prefix or lora.
        base, revision: the adapters' backbone on the hub; None: it is in backbone/.
        users, example: how many users, and the folder of one of them.
    """

    form: str
    of: str
    user: str | None = None
    kind: str = ""
    base: str | None = None
    revision: str | None = None
    users: int = 1
    example: str = ""

    def describe(self) -> str:
        """In a few words."""
        whose = f" of user {self.user}" if self.user else ""
        return {
            "language_model": f"language model{whose} and tokenizer",
            "merged": f"language model with the LoRA{whose} in its weights, and tokenizer",
            "network": f"{self.of} as safetensors, its settings and tokenizer",
            "adapter": f"PEFT folder{whose} and tokenizer",
            "adapters": f"PEFT folders of {self.users} users and tokenizer",
        }[self.form]


def front_matter(run: FinishedRun, what: Exported, corpora: Sequence[CorpusFacts], title: str) -> str:
    """The YAML between the card's lines of dashes."""
    base, revision = base_model(run, what)
    licences = {c.licence for c in corpora if c.licence != WRITTEN_HERE}
    known = [HUB_LICENCES.get(licence) for licence in licences]
    one = known[0] if len(known) == 1 else None
    more: dict[str, Any] = {"base_model_revision": revision} if revision else {}
    other = {"license": "other", "license_name": "see-data", "license_link": "README.md"}
    library = "peft" if what.form.startswith("adapter") else "persona-zoo" if what.form == "network" else "transformers"
    tags = ["dialogue", "persona", "personalised-dialogue", "persona-zoo", network_name(run).lower()]
    if is_non_commercial(corpora):
        tags.append("non-commercial")
    data = ModelCardData(
        language=sorted({c.language for c in corpora if c.language}) or None,
        library_name=library,
        base_model=base,
        pipeline_tag="text-generation",
        tags=tags,
        datasets=[c.hub_id for c in corpora if c.hub_id] or None,
        model_name=title,
        eval_results=list(_eval_results(run, corpora)) or None,
        **(more | ({"license": one} if one else other if licences else {})),
    )
    return str(data.to_yaml())


def _eval_results(run: FinishedRun, corpora: Sequence[CorpusFacts]) -> Iterable[EvalResult]:
    tested = corpora_in(run.splits.get("test")) or list(corpora)
    name = ", ".join(c.title for c in tested) or NOT_RECORDED
    slug = (tested[0].hub_id or tested[0].name) if tested else NOT_RECORDED
    for metric, value in run.results.metrics.items():
        if not metric.startswith("test/") or not math.isfinite(value):
            continue
        *test_set, own = metric.removeprefix("test/").split("/")
        if own in run.results.other.get("cautions", {}):
            continue  # comparable with nobody's: on the hub it would stand beside others'
        version = run.metric_versions.get(own)
        yield EvalResult(
            task_type="text-generation",
            dataset_type=slug,
            dataset_name=name,
            dataset_split="/".join(["test", *test_set]),
            metric_type=own,
            metric_name=f"{own}, version {version}, protocol {run.protocol}",
            metric_value=round(value, 6),
        )


def base_model(run: FinishedRun, what: Exported) -> tuple[str | None, str | None]:
    """Hub id and commit of what the run was built on; a folder of this machine is no use to others: None."""
    if what.base is not None:
        return what.base, what.revision
    backbone = run.config.get("backbone") or {}
    path = str(backbone.get("path") or "")
    on_the_hub = backbone.get("pretrained") and path.count("/") == 1 and not path.startswith(("/", "."))
    return (path, backbone.get("revision")) if on_the_hub and not Path(path).exists() else (None, None)


def network_name(run: FinishedRun) -> str:
    """The class of the run's network."""
    return str(run.config["model"]["net"]["_target_"]).rpartition(".")[2]


def is_non_commercial(corpora: Iterable[CorpusFacts]) -> bool:
    """Does the licence of some data forbid commercial use?"""
    return any("-NC" in c.licence or "NonCommercial" in c.licence or " NC" in c.licence for c in corpora)
