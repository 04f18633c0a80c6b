from collections import Counter

import pytest

from zoo.errors import UserError
from zoo.synthesis.taxonomy import FILE, GROUPS, read_taxonomy


@pytest.mark.parametrize(("grouping", "counts"), [("code", [28, 19, 4]), ("paper", [25, 22, 4])])
def test_groups_of_the_paper_and_of_the_code(grouping, counts):
    sizes = Counter(leaf.group for leaf in read_taxonomy(grouping=grouping).leaves.values())
    assert [sizes[group] for group in GROUPS] == counts


def test_leaves_and_keys():
    taxonomy = read_taxonomy()
    assert len(taxonomy.leaves) == 51
    assert len(taxonomy.keys) == 47
    twice = {key for key, n in Counter(leaf.key for leaf in taxonomy.leaves.values()).items() if n == 2}
    assert twice == {"city-state", "country", "profession", "animal"}
    assert {leaf.path for leaf in taxonomy.unused.values()} >= {("Hobby", "Ability"), ("Want", "Activity")}


def test_paths_follow_the_paper_or_the_code():
    assert read_taxonomy().leaves["respiratory_disease"].path == ("Respiratory Disease",)
    assert read_taxonomy(paths="paper").leaves["respiratory_disease"].path == ("Disease", "Respiratory")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FILE.read_text().replace("like_drink:", "like_food:"), "like_food is there twice"),
        ("leaves: {a: {group: WELLNESS, path: A, key: b, key: c}}", "key is there twice"),
        ("leaves: {a: {group: ILLNESS, path: A, key: b}}", "expected a group of"),
        ("leaves: {a: {group: WELLNESS, key: b}}", "expected a group, a path"),
        ("leaves: {a: {group: WELLNESS, path: A, key: b}}\nunused: {a: {group: WELLNESS, path: A, key: b}}", "both"),
        ("leaves: []", "has no leaves"),
        ("leaves: {a: [", "cannot be read"),
    ],
)
def test_files_that_are_none(tmp_path, text, said):
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(UserError, match=said):
        read_taxonomy(tmp_path / "own.yaml")


def test_settings_that_are_none():
    with pytest.raises(UserError, match="grouping=both"):
        read_taxonomy(grouping="both")
