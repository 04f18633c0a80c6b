"""What is known of corpora by name, for model cards and checklists: language, licence, where they come from, terms."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

WRITTEN_HERE = "none: written by a grammar of this project"
NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class CorpusFacts:
    """A corpus in a run's record.

    Attributes:
        name: as `describe` gives it.
        title: as its authors call it.
        language: ISO 639-1; "" where only the user knows.
        licence: as it is called; "not recorded" where only the user knows.
        licence_url: of its text, or "".
        link: where it is downloaded, or "".
        hub_id: of the same data on the hub, or "".
        terms: what else its authors ask of those who use it, or "".
    """

    name: str
    title: str
    language: str = ""
    licence: str = NOT_RECORDED
    licence_url: str = ""
    link: str = ""
    hub_id: str = ""
    terms: str = ""


PARLAI = "http://parl.ai/downloads"
CC_BY, CC_BY_NC_SA = (
    "https://creativecommons.org/licenses/by/4.0/",
    "https://creativecommons.org/licenses/by-nc-sa/4.0/",
)
NTT = "https://github.com/nttcslab/japanese-dialog-transformers"
NO_RELEASE = "evaluation only: neither the data nor models trained on them may be handed on"
KNOWN = {
    facts.name: facts
    for facts in (
        CorpusFacts("demo", "embedded demo dialogues", "en", WRITTEN_HERE),
        CorpusFacts("synthetic_users", "synthetic users", "", WRITTEN_HERE),
        CorpusFacts("convai2", "ConvAI2", "en", "CC BY 4.0", CC_BY, f"{PARLAI}/convai2/convai2_fix_723.tgz"),
        CorpusFacts("personachat", "PersonaChat", "en", "CC BY 4.0", CC_BY, f"{PARLAI}/personachat/personachat.tgz"),
        CorpusFacts(
            "dailydialog", "DailyDialog", "en", "CC BY-NC-SA 4.0", CC_BY_NC_SA,
            f"{PARLAI}/dailydialog/dailydialog.tar.gz", "li2017dailydialog/daily_dialog",
            "not for commercial use; what is made from it is shared under the same licence",
        ),
        CorpusFacts(
            "synthetic_persona_chat", "Synthetic-Persona-Chat", "en", "CC BY 4.0", CC_BY,
            "https://huggingface.co/datasets/google/Synthetic-Persona-Chat", "google/Synthetic-Persona-Chat",
            "written by a language model between PersonaChat's personas",
        ),
        CorpusFacts(
            "xpersona", "X-Persona, Japanese", "ja", "MIT", "https://github.com/HLTCHKUST/Xpersona",
            "https://github.com/HLTCHKUST/Xpersona",
        ),
        CorpusFacts("jpersonachat", "JPersonaChat", "ja", "NTT evaluation licence", NTT, NTT, terms=NO_RELEASE),
        CorpusFacts(
            "jempatheticdialogues", "JEmpatheticDialogues", "ja", "NTT evaluation licence", NTT, NTT, terms=NO_RELEASE
        ),
        CorpusFacts(
            "personachatgen", "persona dialogues written by a language model (PersonaChatGen)", "en",
            terms="the terms of the language model that wrote them hold too",
        ),
        CorpusFacts("jsonl", "dialogues of one's own (JSONL)"),
        CorpusFacts("streamed", "reply pairs of one's own, streamed"),
    )
}  # fmt: skip


def corpora_in(record: Any) -> list[CorpusFacts]:
    """The corpora in a run's record, however deep they are nested, each once; a recorded licence wins.

    Args:
        record: provenance.json, its `data`, or what a corpus's `describe` gives.
    """
    found: dict[str, CorpusFacts] = {}
    for described in _described(record):
        name = str(described["corpus"])
        facts = found.get(name) or KNOWN.get(name) or CorpusFacts(name, name)
        licence = described.get("licence")
        if isinstance(licence, Mapping):
            facts = replace(
                facts, licence=licence.get("name") or facts.licence, licence_url=licence.get("url") or facts.licence_url
            )
        if isinstance(described.get("language"), str):
            facts = replace(facts, language=described["language"])
        found[name] = facts
    return list(found.values())


def _described(record: Any) -> Iterator[Mapping[str, Any]]:
    """Descriptions of corpora that are no others' wrapping."""
    if isinstance(record, Mapping):
        inside = [described for value in record.values() for described in _described(value)]
        if isinstance(record.get("corpus"), str) and not inside:
            yield record
        yield from inside
    elif isinstance(record, list | tuple):
        for value in record:
            yield from _described(value)
