"""English cues to attributes: regular expressions over lower-case text, matched as whole words. Our own lists."""

from collections.abc import Mapping

_DIGITS = "one|two|three|four|five|six|seven|eight|nine"
_AM = r"(?:i am|i'm|turn(?:ed|ing))"
_OF_TIME = r"(?! (?:minute|hour|day|week|month|percent|metre|kilo))"  # "i am 20 minutes late"


def _decade(tens: str, digit: str, *more: str) -> tuple[str, ...]:
    """A decade of life in words and figures, with further cues."""
    years = rf"{digit}\d[- ]years?[- ]old"
    return (
        rf"{tens}[- ](?:{_DIGITS})",
        rf"my (?:\w+ )?{tens[:-1]}ies",
        rf"{tens}-?something",
        rf"{_AM} {digit}\d{_OF_TIME}",
        years,
        *more,
    )


ENGLISH_CUES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "age": {
        "10s": (
            "(?:thir|four|fif|six|seven|eigh|nine)teen",
            "teenagers?",
            rf"{_AM} 1\d{_OF_TIME}",
            r"1\d[- ]years?[- ]old",
            "old enough to vote",
            "my parents (?:say|said|let|allow)",
            "my grades",
        ),
        "20s": _decade("twenty", "2", "coming of age ceremony", "first salary", "fresh out of university"),
        "30s": _decade("thirty", "3", "first gr[ae]y hair", "(?:ten|fifteen) years since graduation"),
        "40s": _decade("forty", "4", "midlife", "reading glasses"),
        "50s": _decade("fifty", "5", "fiftieth birthday", "menopause", "back when i was young"),
        "60s": _decade("sixty", "6", "my pension", "grand(?:children|son|daughter|kids)", "(?:after )?retirement"),
    },
    "gender": {
        "Female": (
            "as a (?:woman|girl|mother)",
            "my husband",
            "lipstick|mascara|manicure",
            "(?:ladies|girls)'? night",
            "with the girls",
            "my (?:skirt|dress|heels|bra)",
            "pregnan(?:t|cy)",
        ),
        "Male": (
            "as a (?:man|guy|father)",
            "my wife",
            "my beard|shav(?:ed|ing) my (?:beard|face)",
            "(?:boys|guys)'? night",
            "with the (?:lads|boys|guys)",
            "which tie|my tie",
        ),
    },
    "marriage": {
        "Married": (
            "my (?:husband|wife|spouse)",
            "wedding anniversary",
            "(?:my|the) in-laws|mother-in-law|father-in-law",
            "married life",
            "got married|i am married|i'm married",
            "our honeymoon",
        ),
        "Single": (
            "i am single|i'm single|single again|still single",
            "dating apps?",
            "living alone|live alone",
            "will get married|never married|not married",
            "my (?:boyfriend|girlfriend)",
        ),
    },
    "occupation": {
        "Office worker": ("overtime", "my boss", "our company", "the office", "commut(?:e|ing)", "the meeting"),
        "College student": ("lectures?", "thesis", "semester", "campus", "seminar", "professor"),
        "Part-time worker": ("part-time", "hourly wage", "my shifts?", "the register", "shift at"),
        "Unemployed": ("unemploy(?:ed|ment)", "job hunt(?:ing)?", "rejection letters?", "no work for", "laid off"),
        "Homemaker": (
            "homemakers?",
            "house(?:wife|husband)",
            "school run",
            "lunch boxes",
            "the (?:children|kids) are at school",
        ),
        "Business owner": (
            "my (?:shop|own (?:company|business)|staff|employees|customers)",
            "running a (?:business|company|shop)",
            "since we opened",
        ),
        "High school student": (
            "high school",
            "homeroom",
            "school uniform",
            "club practice",
            "entrance exams?",
            "my homework",
        ),
        "Association member": ("our association", "the cooperative", "(?:the|our) foundation", "non-?profit", "ngo"),
        "Civil servant": (
            "civil servants?",
            "(?:city|town) hall",
            "ministry",
            "public service",
            "government office",
        ),
    },
    "location": {
        "Kanto": ("tokyo", "yokohama", "chiba", "saitama", "kanto", "yamanote", "shibuya", "shinjuku", "gunma"),
        "Kinki": ("osaka", "kyoto", "kobe", "nara", "kinki", "kansai", "dotonbori", "wakayama", "umeda"),
        "Tokai": ("nagoya", "shizuoka", "gifu", "mie", "tokai", "aichi", "hamamatsu"),
        "Kyushu/Okinawa": ("fukuoka", "hakata", "okinawa", "kumamoto", "kagoshima", "sakurajima", "nagasaki", "kyushu"),
        "Tohoku/Hokkaido": ("sapporo", "sendai", "hokkaido", "aomori", "akita", "tohoku", "morioka", "fukushima"),
        "Chugoku/Shikoku": (
            "hiroshima",
            "okayama",
            "kagawa",
            "matsuyama",
            "shikoku",
            "tottori",
            "kochi",
            "seto inland",
        ),
        "Hokuriku": ("kanazawa", "toyama", "fukui", "hokuriku", "ishikawa", "noto"),
    },
}
