"""Values found in text, their overlap (Tables 4 and 9), and the published tables' own arithmetic."""

import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT
from zoo.errors import UserError
from zoo.evidence.published import published_tables
from zoo.synthesis.analyses.overlap import KeyOverlap, generated_values, overlaps, reference_values
from zoo.synthesis.analyses.published import read_published
from zoo.synthesis.analyses.values import ValueMatcher, extracted_values, folded, inventory_values
from zoo.synthesis.records import ProfileSentence
from zoo.synthesis.taxonomy import read_taxonomy

PUBLISHED = ROOT / "experiments" / "personachatgen" / "published.toml"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I moved to New York City from York.", ["new york city", "york"]),
        ("new york and NEW  YORK", ["new york", "new york"]),
        ("I have two dogs and a hotdog.", []),  # whole words only
        ("my dog's name is Rex", []),  # "dog's" is one word
        ("My favourite is Beyoncé!", ["beyoncé"]),
        ("I don’t eat meat", ["don't eat meat"]),  # a typographic apostrophe is an apostrophe
        ("rock, and roll", ["rock and roll"]),  # punctuation counts for nothing
        ("", []),
    ],
)
def test_values_in_text(text: str, found: list[str]) -> None:
    values = ["York", "new york", "New York City", "dog", "Beyoncé", "don't eat meat", "rock and roll", "", "..."]
    assert ValueMatcher(values).find(text) == found


def test_folded() -> None:
    assert folded("  The\tLord of the Rings: ") == folded("the lord OF the rings") == "the lord of the rings"
    assert folded("STRASSE") == folded("Straße")
    assert folded("_…!") == ""


def test_extraction_with_and_without_cues() -> None:
    texts = ["I moved to Spring, Texas.", "Fall is the season that I like.", "I like pizza."]
    lists = {"season": ["spring", "fall"], "food": ["pizza", "soup"], "show": []}
    assert extracted_values(texts, lists) == {"season": {"spring", "fall"}, "food": {"pizza"}, "show": set()}
    cued = extracted_values(iter(texts), lists, {"season": ["season"], "food": []})
    assert cued == {"season": {"fall"}, "food": {"pizza"}, "show": set()}


def sentence(leaf: str, value: str, key: str = "") -> ProfileSentence:
    return ProfileSentence(f"I say {value}.", leaf, key, value)


def test_leaves_that_share_a_key_are_merged() -> None:
    taxonomy = read_taxonomy()
    values = generated_values(
        iter([
            sentence("has_profession_profession", "Nurse", key="job"),  # the model's key doesn't matter
            sentence("previous_profession_profession", "nurse "),
            sentence("previous_profession_profession", "cook"),
            sentence("like_season", "…"),
        ]),
        taxonomy,
    )  # fmt: skip
    assert len(values) == 47
    assert values["profession"] == {"nurse", "cook"}
    assert values["season"] == set()
    with pytest.raises(UserError, match="'like_cheese'"):
        generated_values([sentence("like_cheese", "brie")], taxonomy)


def test_overlap_with_what_sentences_say() -> None:
    generated = {"season": {"winter", "fall"}, "food": {"pizza"}, "age": set()}
    lists = {"season": {"winter", "summer", "spring"}, "food": {"soup"}}
    said = ["i love the fall .", "summer is hot", "i never eat soup"]
    rows = overlaps(generated, reference_values(generated, lists, said))
    assert rows == [KeyOverlap("season", 2, 2, 1), KeyOverlap("food", 1, 1, 0), KeyOverlap("age", 0, 0, 0)]
    assert [row.jaccard for row in rows] == [pytest.approx(1 / 3), 0.0, None]
    by_list = overlaps(generated, reference_values(generated, lists, said, reference="inventory"))
    assert by_list[0] == KeyOverlap("season", 3, 2, 1)
    assert KeyOverlap("age", 1, 0, 0) in by_list  # no list: the placeholder, as "movie title" in Table 9


def test_the_placeholder_is_a_value_of_an_inventory() -> None:
    found = inventory_values({"movie title": [""], "book title": [], "gender": ["male", "female", ""]})
    assert {key: len(values) for key, values in found.items()} == {"movie title": 1, "book title": 1, "gender": 3}
    row = overlaps({"movie title": {"titanic", "jaws"}}, found)
    assert next(r for r in row if r.key == "movie title") == KeyOverlap("movie title", 1, 2, 0)


def test_what_a_reference_may_be() -> None:
    with pytest.raises(UserError, match=r"'corpus'.*sentences, inventory"):
        reference_values({}, {}, reference="corpus")
    with pytest.raises(UserError, match="No lists"):
        reference_values({"season": set()}, {}, reference="inventory")


def test_published_ratios_are_of_whole_numbers() -> None:
    """Every ratio of Table 9 is common / (a + b - common) for exactly one whole number; Table 4 repeats eleven rows."""
    published = read_published(PUBLISHED)
    rows = published.overlap()
    assert len(rows) == 43
    for key, row in rows.items():
        assert round(100 * (row.jaccard or 0), 2) == published.tables["table9"][key]["jaccard"], key
    assert (rows["season"].common, rows["food"].common, rows["book title"].common) == (4, 45, 0)
    assert len(published.overlap("table4")) == 11
    assert all(published.tables["table9"][key] == row for key, row in published.tables["table4"].items())
    printed = [row["jaccard"] for row in published.tables["table9"].values()]
    assert printed == sorted(printed, reverse=True)


def test_published_keys_are_the_taxonomys() -> None:
    published, taxonomy = read_published(PUBLISHED).tables, read_taxonomy()
    wellness = {leaf.key for leaf in taxonomy.leaves.values() if leaf.group == "WELLNESS"}
    assert set(published["table9"]) == set(published["table10"]["alpha"]) == set(taxonomy.keys) - wellness
    alphas = published["table10"]["alpha"]
    assert published["table6"]["alpha"].items() <= alphas.items()
    ordered = list(alphas)
    assert set(published["table6"]["alpha"]) == {*ordered[:10], *ordered[-10:]}
    assert len(published["table10"]["unlabelled"]["alpha"]) == len(wellness)


@pytest.mark.parametrize("table", ["table1", "table2"])
def test_published_survival_fits_its_counts(table: str) -> None:
    published = read_published(PUBLISHED)
    for stage, row in zip(published.funnel(table), published.tables[table].values(), strict=True):
        assert (stage.name, stage.count) == (row["stage"], row["survivors"])
        assert 100 * stage.cumulative == pytest.approx(row["survival_cumulative"], abs=0.055)


def test_published_rows_say_who_can_run_them() -> None:
    """What GPT-3 wrote and what people judged is closed; Table 7 has a configuration here."""
    tables = published_tables("personachatgen")
    written = {f"table{n}" for n in ("1", "2", "3", "4", "9", "15", "16", "17")}
    judged = {f"table{n}" for n in ("5a", "5b", "6", "10")}
    assert set(tables) == written | judged | {"table7", "table8a", "table8b", "figure2"}
    assert all(row.closed for name in written | judged for row in tables[name].rows)
    assert all(row.needs == "people" for name in judged | {"table8a", "table8b"} for row in tables[name].rows)
    assert all((row.experiment or "").startswith("personachatgen/") for row in tables["table7"].rows)
    choice = tables["table8b"].rows[0].other
    assert choice["win"] + choice["lose"] + choice["tie"] == pytest.approx(100)
    assert sum(count for row in tables["table15"].rows for count in row.other.values()) == 6545


def test_bad_published_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_published(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("[table1\n")
    with pytest.raises(UserError, match="cannot be read"):
        read_published(broken)
    broken.write_text('[table1.raw]\nstage = "raw"\nsurvivors = 3\n')
    with pytest.raises(UserError, match="have no 'table2'"):
        read_published(broken)
    text = PUBLISHED.read_text()
    assert tomllib.loads(text)
    broken.write_text(text.replace("jaccard = 30.77", "jaccard = 30.1"))
    with pytest.raises(UserError, match="season: 4 and 13"):
        read_published(broken)


def test_the_card_says_what_the_numbers_are() -> None:
    """The study's card has its parts and does not take the grammar for a replication."""
    card = (PUBLISHED.parent / "README.md").read_text()
    for part in ("**Claim.**", "**Command.**", "**Cost.**", "**Expected output.**", "## Known bugs", "## A real run"):
        assert part in card
    assert "it replicates nothing" in " ".join(card.split())
