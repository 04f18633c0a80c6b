"""Profiles: five closed attributes of a user, most often only some of them known.

Source: Otsuka et al., "User-specific dialogue generation with user profile-aware pre-training model and
parameter-efficient fine-tuning", section 3.3 and Table 1, whose values these are. The table lists "Married" alone
for marriage; "Single" is our value for the rest.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from zoo.errors import UserError

UnknownValues = Literal["refuse", "keep"]
Language = Literal["en", "ja"]

JAPANESE: Mapping[str, Mapping[str, str]] = {  # attribute -> value -> its Japanese rendering; the order is fixed
    "age": {"10s": "10代", "20s": "20代", "30s": "30代", "40s": "40代", "50s": "50代", "60s": "60代"},
    "gender": {"Female": "女性", "Male": "男性"},
    "marriage": {"Married": "既婚", "Single": "未婚"},
    "occupation": {
        "Office worker": "会社員",
        "College student": "大学生",
        "Part-time worker": "アルバイト",
        "Unemployed": "無職",
        "Homemaker": "主婦・主夫",
        "Business owner": "自営業",
        "High school student": "高校生",
        "Association member": "団体職員",
        "Civil servant": "公務員",
    },
    "location": {
        "Kanto": "関東",
        "Kinki": "近畿",
        "Tokai": "東海",
        "Kyushu/Okinawa": "九州・沖縄",
        "Tohoku/Hokkaido": "東北・北海道",
        "Chugoku/Shikoku": "中国・四国",
        "Hokuriku": "北陸",
    },
}
ATTRIBUTES = tuple(JAPANESE)
VALUES: Mapping[str, tuple[str, ...]] = {attribute: tuple(values) for attribute, values in JAPANESE.items()}
_CANONICAL = {
    attribute: {shown: value for value, shown in values.items()} | {value: value for value in values}
    for attribute, values in JAPANESE.items()
}


def checked_profile(
    profile: Mapping[str, str], unknown_values: UnknownValues = "refuse", where: str = "profile"
) -> dict[str, str]:
    """A profile in the order of `ATTRIBUTES`, Japanese renderings replaced by the values they stand for.

    Args:
        profile: attribute -> value; attributes may be missing.
        unknown_values: "refuse" attributes and values that are none of ours, or "keep" them as free text; kept
            attributes come last, in the order given.
        where: the place of the profile, for the error.

    Raises:
        UserError: an attribute or value that is none of ours, under "refuse"; or a text that is empty.
    """
    if unknown_values not in ("refuse", "keep"):
        raise UserError(f"unknown_values={unknown_values!r} was given; expected 'refuse' or 'keep'.")
    known = [attribute for attribute in ATTRIBUTES if attribute in profile]
    strangers = [attribute for attribute in profile if attribute not in VALUES]
    if strangers and unknown_values == "refuse":
        raise UserError(
            f"{where} has the attribute {strangers[0]!r}; expected some of {', '.join(ATTRIBUTES)}. Leave it out, or "
            f"set data.unknown_values=keep to take it as free text."
        )
    checked = {}
    for attribute in [*known, *strangers]:
        value = profile[attribute]
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"{where} says {attribute}={value!r}; expected a text. An unknown attribute is left out.")
        canonical = _CANONICAL.get(attribute, {}).get(value)
        if canonical is None and unknown_values == "refuse":
            raise UserError(
                f"{where} says {attribute}={value!r}; expected one of {', '.join(VALUES[attribute])}, or its Japanese "
                "name. Mend the value, leave the attribute out, or set data.unknown_values=keep to take it as free "
                "text."
            )
        checked[attribute] = canonical or value
    return checked


def rendered_profile(profile: Mapping[str, str], language: Language) -> dict[str, str]:
    """A profile's values as words of a language; free text stays as it is.

    Raises:
        UserError: another language.
    """
    if language not in get_args(Language):
        raise UserError(
            f"Profiles in language={language!r} were asked for; there are {' and '.join(get_args(Language))}."
        )
    if language != "ja":
        return dict(profile)
    return {attribute: JAPANESE.get(attribute, {}).get(value, value) for attribute, value in profile.items()}
