"""What a table is asked for, and what comes out of it: plain data that all ways of writing it read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zoo.evidence.published import PublishedRow, PublishedValue

# a row's word, see `zoo.evidence.report.status`
REPLICATES = "replicates"
DIFFERS = "as published, differs"
AS_PUBLISHED = "as published"
OTHER = "other conditions"
STAND_IN = "stand-in"
CLOSED = "closed"
NOT_RUN = "not run"
FAILED = "failed"
MADE = "made"
OTHER_JUDGES = "other judges"
NOT_JUDGED = "not judged"
NOT_PUBLISHED = "not published"


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A row that is asked for.

    Attributes:
        name: as the table shows it.
        published: the printed row, where there is one.
        variant: "authors" or "sound", where a row is made in both ways.
        run_dirs: finished runs that differ in nothing but their seed; may be none.
        missing: why there are none, or not all: "closed: ...", "not run yet: python -m zoo.reproduce ...",
            "failed: ...", "made by ...".
        values: of a row that no runs are scored for, by name, one for each time that it was made; printed numbers of
            the same name stand beside them.
    """

    name: str
    published: PublishedRow | None = None
    variant: str = ""
    run_dirs: Sequence[Path] = ()
    missing: str = ""
    values: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name, and in brackets which way of making the row it is."""
        return f"{self.name} ({self.variant})" if self.variant else self.name


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table that is asked for.

    Attributes:
        key: "paa/table1".
        source: the paper in one line.
        metrics: columns by our names, in order; a name without its test set ("f1_parlai") stands for all test sets,
            "B/f1_parlai" for one. Empty: of printed rows what people's numbers and `values` have, else all that was
            measured.
        notes: stand below it.
        unions: test sets of which the rows together are scored as one more, by its name.
    """

    key: str
    title: str
    source: str
    rows: Sequence[ReportRow]
    metrics: Sequence[str] = ()
    notes: Sequence[str] = ()
    unions: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def has_runs(self, label: str) -> bool:
        """Is there a row of this label, and has it runs?"""
        return any(row.label == label and row.run_dirs for row in self.rows)


@dataclass(frozen=True, slots=True)
class Cell:
    """A row's value of one metric.

    Attributes:
        printed: in our unit.
        mean, std, interval: over the row's runs; None where it was not measured, of a single run, where nothing could
            be resampled. `interval` is the 95 % bootstrap interval of the mean.
        values: of each run.
        difference: ours minus the printed value.
        because: why the difference compares two different things; empty where it does not.
        agrees: the printed value lies in the interval or within two deviations; None where there is nothing to say.
        mark: the class of values of this column that compare with each other: "a", "b"; empty where all do.
        n: what the mean is over, where `values` does not have it one by one: judgements.
        bare: a count, a share or a coefficient, which has no deviation.
    """

    metric: str
    printed: PublishedValue | None = None
    mean: float | None = None
    std: float | None = None
    interval: tuple[float, float] | None = None
    values: tuple[float, ...] = ()
    difference: float | None = None
    because: str = ""
    agrees: bool | None = None
    mark: str = ""
    n: int | None = None
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Under which conditions a row's values came about, each "yes" or what is different."""

    word: str
    metric: str = ""
    split: str = ""
    backbone: str = ""
    training: str = ""
    seeds: str = ""
    details: tuple[str, ...] = ()  # every setting that differs


@dataclass(frozen=True, slots=True)
class Facts:
    """Where a row's runs come from."""

    runs: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    n_examples: int = 0
    n_dialogues: int = 0
    data: str = ""  # the test set with its hash
    protocol: str = ""
    code: tuple[str, ...] = ()
    hardware: tuple[str, ...] = ()
    seconds: float | None = None  # mean of the runs, all sessions
    training_seconds: float | None = None  # as above, of training alone
    memory_bytes: int | None = None  # the largest
    parameters: int | None = None
    trained: int | None = None  # of all users together
    trained_per_user: int | None = None
    verified: bool = False  # files have the hashes that the runs recorded; False also where they recorded none


@dataclass(frozen=True, slots=True)
class RowReport:
    """A row as it came out; `n` where it is no number of runs."""

    name: str
    variant: str
    label: str
    cells: Mapping[str, Cell]  # by column
    status: Status
    facts: Facts
    missing: str = ""
    note: str = ""
    disagree: str = ""
    n: int | None = None

    @property
    def has_values(self) -> bool:
        """Was anything measured, made or judged?"""
        return any(cell.mean is not None for cell in self.cells.values())

    @property
    def lacks_runs(self) -> bool:
        """Has it some of its runs, while others failed?"""
        return bool(self.facts.runs) and self.missing.startswith(FAILED)


@dataclass(frozen=True, slots=True)
class Difference:
    """A row minus the reference row, over the seeds of both.

    Attributes:
        p: two-sided bootstrap p of no difference; `p_holm` corrected over the rows of this metric.
        refused: why there is none.
    """

    metric: str
    row: str
    minus: str
    mean: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    p_holm: float | None = None
    seeds: tuple[int, ...] = ()
    n_examples: int = 0
    n_dialogues: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """What the printed values mean.

    Attributes:
        pairs: a column as the authors define it, and the one that should be compared instead; rows have cells of both.
        sentences: what each is about, the sentence, and its source.
    """

    pairs: tuple[tuple[str, str], ...]
    sentences: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class More:
    """Another table below the values: what else was found, as text."""

    title: str
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A table as it came out; `audit` is None where there are no notes on the paper.

    Where the values are `of_people`, these have neither seeds nor dialogues, and `legend` and `paired` say how values
    and differences are to be read.
    """

    key: str
    title: str
    source: str
    columns: tuple[str, ...]
    rows: tuple[RowReport, ...]
    differences: tuple[Difference, ...] = ()
    not_comparable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    versions: Mapping[str, int | str] = field(default_factory=dict)  # of the metrics, by column
    resamples: int = 0
    seed: int = 0
    against: str = ""  # the reference row of `differences`
    audit: Audit | None = None
    more: tuple[More, ...] = ()
    of_people: bool = False
    legend: str = ""
    paired: str = ""
