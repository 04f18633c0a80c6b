"""The hub's model card of an exported run: YAML that the hub reads, and what people have to know before they use it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo.data.corpus_facts import NOT_RECORDED, CorpusFacts, corpora_in
from zoo.hub_metadata import Exported, base_model, front_matter, is_non_commercial, network_name
from zoo.run_record import FinishedRun

METHODS = {  # by the network's class: what it is, and the paper that brought it
    "FineTune": ("Fine-tuning: a language model reads persona and context as text and answers.", ""),
    "PAA": (
        "Persona-adaptive attention (PAA): two encoders read persona and context, a gate fuses them in GPT-2.",
        'Huang et al., "Personalized Dialogue Generation with Persona-Adaptive Attention", AAAI 2023 '
        "(arXiv:2210.15088)",
    ),
    "EncoderGPT2": (
        "Encoder-GPT2: one encoder over persona and context, GPT-2 answers.",
        "a baseline of Huang et al., AAAI 2023 (arXiv:2210.15088)",
    ),
    "PromptTuning": (
        "Prompt-tuning: soft prompts before a frozen language model.",
        'Kasahara et al., "Building a Personalized Dialogue System with Prompt-Tuning", NAACL SRW 2022; Lester et al. '
        "2021 (arXiv:2104.08691)",
    ),
    "PrefixTuning": (
        "Prefix-tuning: keys and values before those of a frozen language model.",
        "Li & Liang 2021 (arXiv:2101.00190); for personas Han et al. 2023, PersonaPKT (arXiv:2306.08126)",
    ),
    "LoRA": ("LoRA on a frozen language model.", "Hu et al. 2021 (arXiv:2106.09685)"),
}
SAFETY = (
    "Replies are made up by a statistical model; they are nobody's words or views, can be wrong or offensive, and were "
    "not filtered for safety.",
    "A model that speaks as a particular person must not be used to impersonate that person, to deceive others about "
    "who is speaking, or to find out who stands behind a user id. Data of real speakers come under such terms "
    "(RealPersonaChat: do not identify the speakers, do not impersonate them, respect what can be inferred of them).",
    "Tell people that they talk to a machine.",
)


def card(run: FinishedRun, what: Exported, behind: Sequence[Any] = ()) -> str:
    """README.md, whole.

    Args:
        run: that was exported.
        what: of it lies beside the card.
        behind: what was recorded of the data of the weights that it began with; their licences hold too.
    """
    own = [session.get("data") for session in run.sessions]
    corpora = corpora_in([*own, *behind])
    method, paper = METHODS.get(network_name(run), (f"{network_name(run)}.", ""))
    title = f"{network_name(run)} on {', '.join(c.title for c in corpora_in(own)) or 'data that were not recorded'}"
    sections = [
        f"---\n{front_matter(run, what, corpora, title)}\n---\n\n# {title}\n",
        f"{method} {f'Method: {paper}. ' if paper else ''}In this folder: {what.describe()}, from a run of "
        "persona-zoo.\n",
        "## How to load it\n\n" + _loading(run, what),
        "## Use and limits\n\n" + _bullets([*_terms(corpora), *_of_the_base(run, what, behind), *SAFETY]),
        "## Data\n\n" + _data(run, corpora),
        "## Results\n\n" + _results(run),
        "## Training\n\n" + _bullets(_training(run)),
        "Everything that the run recorded is in `provenance.json`.\n",
    ]
    return "\n".join(sections)


def _loading(run: FinishedRun, what: Exported) -> str:
    seq2seq = what.of.endswith("ForConditionalGeneration")
    auto = "AutoModelForSeq2SeqLM" if seq2seq else "AutoModelForCausalLM"
    if what.form.startswith("adapter"):
        base = f'"{what.base}"' if what.base else '"FOLDER/backbone"'
        commit = f', revision="{what.revision}"' if what.revision else ""
        place, note = "FOLDER", ""
        if what.form == "adapters":
            place, note = f"FOLDER/users/{what.example}", f"  # one of {what.users} users"
        return (
            f"```python\nfrom peft import PeftModel\nfrom transformers import {auto}, AutoTokenizer\n\n"
            f"backbone = {auto}.from_pretrained({base}{commit})\n"
            f'model = PeftModel.from_pretrained(backbone, "{place}"){note}\n'
            f'tokenizer = AutoTokenizer.from_pretrained("FOLDER")\n```\n\n'
            f"{_PACKED if what.form == 'adapters' else ''}{_template(run)}"
        )
    answers = (
        "```python\nimport zoo  # persona-zoo\n\n"
        'model = zoo.load("FOLDER")\n'
        'model.reply(["hi , do you have any pets ?"], persona=["i have two dogs ."])\n```\n\n'
    )
    if what.form == "network":
        return answers + "transformers does not know this network: persona-zoo builds it.\n"
    plain = (
        f"```python\nfrom transformers import {auto}, AutoTokenizer\n\n"
        f'model = {auto}.from_pretrained("FOLDER")\ntokenizer = AutoTokenizer.from_pretrained("FOLDER")\n```\n\n'
    )
    return (plain if what.form == "merged" else answers + plain) + _template(run)


_PACKED = "`adapters.zoo` holds the same adapters in one memory-mapped file (`zoo.adapters.packed.PackedAdapters`).\n\n"


def _template(run: FinishedRun) -> str:
    template = run.config.get("template") or {}
    kind = str(template.get("_target_", NOT_RECORDED)).rpartition(".")[2]
    added = " ".join(f"`{token}`" for token in template.get("added_tokens") or []) or "none"
    return (
        f"The text before a reply is made by persona-zoo's `{kind}` (added tokens: {added}); other texts than "
        "these were not trained.\n"
    )


def _terms(corpora: Sequence[CorpusFacts]) -> list[str]:
    lines = []
    if is_non_commercial(corpora):
        lines.append("**Not for commercial use**: the licence of the data forbids it.")
    lines += [f"{c.title}: {c.terms}." for c in corpora if c.terms]
    unknown = [c.title for c in corpora if c.licence == NOT_RECORDED]
    if unknown or not corpora:
        lines.append(
            f"**The licence of {', '.join(unknown) or 'the data'} was not recorded**: whoever publishes this has to "
            "know that it may be published, and to write the licence here and above."
        )
    return lines


def _of_the_base(run: FinishedRun, what: Exported, behind: Sequence[Any]) -> list[str]:
    base, revision = base_model(run, what)
    commit = f" at {revision}" if revision else ", commit not recorded"
    lines = [f"Built on {base}{commit}: its licence and its limits hold too."] if base else []
    if before := corpora_in(list(behind)):
        lines.append(f"Training began with weights of {', '.join(c.title for c in before)}.")
    return lines


def _data(run: FinishedRun, corpora: Sequence[CorpusFacts]) -> str:
    lines = ["| corpus | language | licence | from |", "|---|---|---|---|"]
    for c in corpora:
        licence = f"[{c.licence}]({c.licence_url})" if c.licence_url else c.licence
        lines.append(f"| {c.title} | {c.language or NOT_RECORDED} | {licence} | {c.link or '-'} |")
    lines += ["", "| split | dialogues | examples | used | fingerprint |", "|---|---|---|---|---|"]
    for split, record in run.splits.items():
        counts = (record.get(key, "-") for key in ("dialogues", "examples", "examples_used"))
        lines.append(f"| {split} | {' | '.join(map(str, counts))} | `{str(record.get('fingerprint', '-'))[:16]}` |")
    files = [f"`{name}` {hashed}" for name, hashed in run.data_hashes.items() if name not in run.splits]
    return "\n".join(lines) + ("\n\nsha256: " + ", ".join(files) if files else "") + "\n"


def _results(run: FinishedRun) -> str:
    if not run.results.metrics:
        return "This run was not tested.\n"
    whose = f" of {run.users} users, each by the user's own model" if run.users is not None else ""
    lines = [
        f"Protocol `{run.protocol}`, {run.results.n_examples} test examples{whose}, one run, seed {run.seed}; decoding "
        f"{', '.join(f'{k}={v}' for k, v in run.decoding.items()) or NOT_RECORDED}.\n",
        "| metric | value | version |",
        "|---|---|---|",
    ]
    for name, value in run.results.metrics.items():
        shown = f"{value:.4g}" if math.isfinite(value) else "-"
        lines.append(f"| `{name}` | {shown} | {run.metric_versions.get(name.rpartition('/')[2], NOT_RECORDED)} |")
    cautions = [f"**{name} is not comparable**: {why}" for name, why in run.results.other.get("cautions", {}).items()]
    scorers = [f"{name} scored by {who}" for name, who in run.results.other.get("scorers", {}).items()]
    return "\n".join(lines) + "\n\n" + (_bullets(cautions + scorers) if cautions or scorers else "")


def _training(run: FinishedRun) -> list[str]:
    machine, code = run.provenance.get("machine", {}), run.provenance.get("code", {})
    hardware = ", ".join(machine.get("accelerators") or []) or machine.get("processor") or NOT_RECORDED
    per_user = f", {run.trained_per_user:,} for each of {run.users} users" if run.trained_per_user is not None else ""
    stage = " (with the source stage)" if run.source is not None else ""
    seconds = run.training_seconds
    return [
        f"parameters: {_number(run.parameters)}, of them trained {_number(run.trained_parameters)}{per_user}{stage}",
        f"optimizer steps: {_number(run.optimizer_steps)}; global batch: {_number(run.global_batch_size)} examples",
        f"seed: {run.seed}",
        f"optimizer: {_settings(run.config.get('optimizer'))}; learner: {_settings(run.config.get('learner'))}",
        f"hardware: {hardware}, {machine.get('processes', NOT_RECORDED)} process(es)",
        f"time: {f'{run.seconds:,.0f} s in all' if seconds is None else f'{seconds:,.0f} s of training{stage}'}; peak "
        f"memory: {_gigabytes(run.peak_memory_bytes)}",
        f"code: commit {code.get('commit', NOT_RECORDED)}{' with changes' if code.get('changed') else ''}; "
        + ", ".join(f"{name} {version}" for name, version in run.provenance.get("packages", {}).items()),
    ]


def _settings(described: Any) -> str:
    """A part of the configuration: its class, and the settings that are plain values."""
    if not isinstance(described, Mapping):
        return NOT_RECORDED
    plain = {k: v for k, v in described.items() if not k.startswith("_") and isinstance(v, str | int | float | list)}
    name = str(described.get("_target_", NOT_RECORDED)).rpartition(".")[2]
    return f"{name} ({', '.join(f'{k}={v}' for k, v in plain.items())})" if plain else name


def _number(value: Any) -> str:
    return NOT_RECORDED if value is None else f"{value:,}"


def _gigabytes(size: int | None) -> str:
    return NOT_RECORDED if size is None else f"{size / 1e9:.2f} GB"


def _bullets(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)
