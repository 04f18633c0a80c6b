"""English words of synthetic users. Lower case with blanks around punctuation, as in the demo corpus."""

from zoo.data.synthetic_users.wording import TopicWords, Wording


def _about(noun: str) -> TopicWords:
    return TopicWords(
        questions={
            "polite": (
                f"may i ask which {noun} you like ?",
                f"what would you say is your favourite {noun} ?",
                f"could you tell me what {noun} you like best ?",
            ),
            "casual": (f"what {noun} do you like ?", f"which {noun} is your favourite ?", f"so what {noun} is it ?"),
        },
        statements=(
            f"my favourite {noun} is {{value}}",
            "i like {value} best",
            "for me it is {value}",
            "nothing beats {value}",
            "i would say {value}",
            "it has to be {value}",
            "i have always loved {value}",
        ),
    )


def _said(*phrases: str, mark: str = " !") -> tuple[str, ...]:
    return tuple(phrase + mark for phrase in phrases)


ENGLISH = Wording(
    blank=" ",
    comma=" ,",
    topics={
        "food": _about("food"),
        "drink": _about("drink"),
        "hobby": _about("hobby"),
        "music": _about("music"),
        "trip": _about("place to go"),
        "pet": _about("animal"),
        "film": _about("kind of film"),
        "sport": _about("sport"),
        "occupation": TopicWords(
            questions={
                "polite": ("may i ask what you do ?", "what kind of work do you do ?"),
                "casual": ("what do you do ?", "so what do you do all day ?"),
            },
            statements=("i am {value}", "these days i am {value}", "my card would say {value}"),
        ),
        "location": TopicWords(
            questions={
                "polite": ("may i ask where you live ?", "which part of the country are you in ?"),
                "casual": ("where do you live ?", "where are you from ?"),
            },
            statements=("i live in {value}", "my home is in {value}", "i am in {value}"),
        ),
    },
    surfaces={
        "occupation": {
            "Office worker": "an office worker",
            "College student": "a college student",
            "Part-time worker": "a part-time worker",
            "Unemployed": "out of work",
            "Homemaker": "a homemaker",
            "Business owner": "a business owner",
            "High school student": "a high school student",
            "Association member": "on the staff of an association",
            "Civil servant": "a civil servant",
        },
        "location": {
            "Kanto": "kanto",
            "Kinki": "kinki",
            "Tokai": "tokai",
            "Kyushu/Okinawa": "kyushu",
            "Tohoku/Hokkaido": "tohoku",
            "Chugoku/Shikoku": "chugoku",
            "Hokuriku": "hokuriku",
        },
    },
    greetings={
        "polite": _said(
            "good day", "hello , nice to meet you", "good evening", "pleased to meet you", "greetings", mark=" ."
        ),
        "casual": _said("hi", "hey", "hiya", "yo", "hey there", "what a day , hi", "howdy", "oh hi"),
    },
    interjections=("well", "hmm", "honestly", "oh", "you know", "let me see", "ah", "to be fair", "actually", "i mean"),
    reactions={
        "polite": _said(
            "how interesting", "that is lovely", "i see", "thank you for telling me", "that sounds wonderful", mark=" ."
        ),
        "casual": _said("nice", "cool", "no way", "same energy", "got it", "sweet", "haha really", "good choice"),
    },
    farewells={
        "polite": _said(
            "it was a pleasure talking to you",
            "take good care",
            "i hope we talk again",
            "have a pleasant day",
            mark=" .",
        ),
        "casual": _said("see you", "bye bye", "catch you later", "gotta run", "talk soon", "later then"),
    },
    endings={
        "polite": (".", "!", ". :)", "...", ". indeed ."),
        "casual": ("!", "! !", "! haha", "~ .", ". lol", ".", "... yeah .", "! for sure !"),
    },
    dialect_endings={},
    plain_ending={"polite": ".", "casual": "."},
    guesses={
        "polite": ("may i guess that you like {value} ?", "would you say that you like {value} ?"),
        "casual": ("do you like {value} ?", "are you into {value} ?"),
    },
    yes={"polite": ("yes , very much .", "yes , that is right ."), "casual": ("yep !", "oh yes !")},
    no={"polite": ("not so much , i am afraid .", "no , not really ."), "casual": ("nope .", "nah .")},
    and_you={"polite": ("and what about you ?", "may i ask you the same ?"), "casual": ("and you ?", "you ?")},
    origin="{origin} got me into it",
    origins=(
        *("my sister", "my grandmother", "an old friend", "a tv show", "a neighbour", "a short clip", "my first boss"),
        *("a rainy afternoon", "an old novel", "my uncle", "a long train ride", "someone at school"),
    ),
)
