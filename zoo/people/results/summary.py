"""All that comes of a study, from its file of judgements."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import UserError
from zoo.people.preparation import questions_digest, study_digests
from zoo.people.records import DIALOGUE, PAIR, SENTENCE
from zoo.people.results.agreeing import Agreement, agreement
from zoo.people.results.answers import Answers, answers_of
from zoo.people.results.choices import Choice, choices
from zoo.people.results.ratings import Rating, parts_of, rated, ratings
from zoo.people.results.validation import Validation, final_values, validation
from zoo.people.store import StudyStore
from zoo.people.study import Study


@dataclass(frozen=True, slots=True)
class Results:
    """What people said; everything but the answers is by criterion.

    Attributes:
        answers: that count; `everybody`: those of judges who failed the checks among them.
        ratings: of judges, by row and test set; `everybody_rated` of `everybody`; none of pairs.
        final: the same after validators had the last word; empty where there were none.
        choices: of pairs.
    """

    study: Study
    answers: Answers
    everybody: Answers
    ratings: Mapping[str, list[Rating]]
    everybody_rated: Mapping[str, list[Rating]]
    final: Mapping[str, list[Rating]]
    choices: Mapping[str, list[Choice]]
    agreements: Mapping[str, Agreement]
    validations: Mapping[str, Validation]

    @property
    def shown(self) -> Mapping[str, list[Rating]]:
        """What stands in tables."""
        return self.final or self.ratings


def study_store(study: Study, database: Path | None = None) -> StudyStore:
    """The study's file of judgements.

    Raises:
        UserError: there is none, or it is of other questions.
    """
    file = database or study.database
    if not file.is_file():
        raise UserError(
            f"There are no judgements of {study.name} in {file}. Have it judged first: python -m zoo.judge "
            f"{study.path}, or name the file with --database."
        )
    store = StudyStore(file)
    if study_digests(store).get("questions") != questions_digest(study.questionnaire):
        raise UserError(
            f"{file} has answers to other questions than {study.path} asks ({study.questionnaire.name}). Name the "
            "study's own file with --database, or undo the change of its questionnaire."
        )
    return store


def results_of(study: Study, store: StudyStore, resamples: int = 1000, seed: int = 0) -> Results:
    """Count what stands in the file.

    Args:
        study: its questions, and how many checks may be failed.
        store: of its judgements.
        resamples: of intervals.
        seed: of their draws.
    """
    items, judgements, decisions, roles = store.items(), store.judgements(), store.decisions(), store.judges()
    answers, everybody = (
        answers_of(items, judgements, decisions, roles, allowed=study.checks.allowed, exclude=exclude)
        for exclude in (True, False)
    )
    names = [criterion.name for criterion in study.questionnaire.criteria]
    by_group = study.questionnaire.shows not in (SENTENCE, DIALOGUE)  # entity keys are for agreement alone
    pairs = study.questionnaire.shows == PAIR
    rated_names, pair_names = ([], names) if pairs else (names, [])
    final = {}
    if answers.validations and not pairs:
        for name in names:
            given = [(item, value) for item, (value, _) in final_values(answers, name).items()]
            final[name] = rated(parts_of(answers.items, given, by_group), name, resamples, seed)
    return Results(
        study,
        answers,
        everybody,
        {name: ratings(answers, name, by_group, resamples, seed) for name in rated_names},
        {name: ratings(everybody, name, by_group, resamples, seed) for name in rated_names},
        final,
        {name: choices(answers, name, by_group, resamples, seed) for name in pair_names},
        {one.name: agreement(answers, one) for one in study.questionnaire.criteria},
        {one.name: validation(answers, one) for one in study.questionnaire.criteria} if answers.validations else {},
    )
