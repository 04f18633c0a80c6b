"""What the demo corpus talks about: every attribute with its values and the phrases that ask for and state them.

Written for this project, no sentence is taken from a corpus. `TOPICS` and `VALUES` are the whole world of the demo, so
the truth of a sentence can be decided by looking it up (`zoo.data.demo.check_reply`); the grammar language model and
the lexical scorers read the same tables. Text is lower case with blanks around . , and ?

Values are disjoint between slots (a value alone says its slot), begin with a consonant where "a" precedes them, and are
short, so that a vocabulary of 1,024 byte pairs spells most of them with one or two tokens.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

VALUES: Mapping[str, tuple[str, ...]] = {
    slot: tuple(words.split())
    for slot, words in {
        "job": "nurse baker pilot teacher barber chef miner sailor tailor waiter writer banker painter judge potter "
        "mason vet clerk guard coach",
        "pet": "dog cat parrot turtle goat horse pony lizard snake duck hen pig frog mouse toad canary crab sheep rat "
        "llama",
        "pet_name": "bella milo coco daisy ziggy oscar luna hugo nala rex simba gus max leo toby lola bob sam tom zoe",
        "food": "pizza sushi tacos ramen pasta steak waffles salad soup cheese shrimp beans nachos rice bread cake "
        "eggs fish ham pie",
        "hobby": "hiking surfing sewing cycling skating skiing sailing baking painting camping boxing diving climbing "
        "dancing riding drawing singing carving rowing running",
        "side": "garlic honey mint salt butter onions mustard ketchup chili lemon jam cream gravy mayo oil syrup basil "
        "ginger sugar peas",
        "day": "monday tuesday wednesday thursday friday saturday sunday",
        "month": "january february march april may june july august september october november december",
        "city": "paris rome oslo lima cairo berlin madrid dublin prague austin athens boston denver london tokyo "
        "miami seoul milan delhi bern",
        "place": "beach river station park market church airport zoo school prison mall lake bank port farm gym pool "
        "hill mill dam",
        "instrument": "piano guitar violin drums flute cello harp banjo organ tuba oboe viola bugle gong lute lyre "
        "horn bass pipes bells",
        "number": "two three four five six seven eight nine ten eleven",
        "kin": "brothers sisters cousins nephews nieces uncles aunts sons daughters kids",
        "colour": "red blue green yellow pink black white brown grey teal gold silver navy olive beige violet ruby "
        "lilac lime coral",
        "look": "rusty dusty shiny tiny huge noisy new fast slow cheap dark plain wide big small long loud cute low "
        "tall",
        "car": "truck van jeep taxi wagon limo buggy hearse coupe moped bus tank lorry tractor scooter sedan camper "
        "cart bike sled",
        "music": "jazz rock rap opera blues folk metal disco soul punk swing ska salsa tango funk polka samba country "
        "choirs gospel",
        "fear": "spiders clowns needles bees sharks fire bats wolves storms rats germs dolls caves blood wasps ghosts "
        "ants worms cows snow",
        "country": "japan peru kenya egypt india greece cuba italy spain nepal china chile canada malta fiji poland "
        "mali oman togo iraq",
    }.items()
}
SLOT_OF: Mapping[str, str] = {value: slot for slot, values in VALUES.items() for value in values}


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing to know about a person. Phrases carry no final punctuation; `{slot}` stands for a value."""

    name: str
    slots: tuple[str, ...]  # keys of VALUES that one statement fills
    statements: tuple[str, ...]  # in the first person: persona sentences, replies and what a partner tells
    questions: tuple[str, ...]
    guess: str  # a yes/no question about one slot
    recall: str  # completes "do you remember ..."

    @property
    def guessed(self) -> str:
        """The slot that `guess` names."""
        return next(slot for slot in self.slots if f"{{{slot}}}" in self.guess)


TOPICS: Mapping[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(
            "job",
            ("job", "place"),
            ("i am a {job} at the {place}", "i work as {job} at the {place}"),
            ("what do you do for a living", "what is your job"),
            "are you a {job}",
            "what my job is",
        ),
        Topic(
            "pet",
            ("pet", "pet_name"),
            ("i have a {pet} named {pet_name}", "my {pet} is named {pet_name}"),
            ("do you have any pets", "which animal lives with you"),
            "do you have a {pet}",
            "which pet i have",
        ),
        Topic(
            "food",
            ("food", "side"),
            ("i like {food} with {side}", "i eat {food} with {side}"),
            ("what do you eat", "which food do you like"),
            "do you like {food}",
            "what i eat",
        ),
        Topic(
            "hobby",
            ("hobby", "day"),
            ("i enjoy {hobby} on {day}", "i go {hobby} every {day}"),
            ("what do you do for fun", "what is your hobby"),
            "do you enjoy {hobby}",
            "what i do for fun",
        ),
        Topic(
            "city",
            ("city",),
            ("i live in {city}", "my home is {city}"),
            ("where do you live", "where is your home"),
            "do you live in {city}",
            "where i live",
        ),
        Topic(
            "instrument",
            ("instrument",),
            ("i play the {instrument}", "i practice the {instrument}"),
            ("do you play an instrument", "which instrument do you practice"),
            "do you play the {instrument}",
            "which instrument i play",
        ),
        Topic(
            "family",
            ("number", "kin"),
            ("i have {number} {kin}", "my family has {number} {kin}"),
            ("do you have a big family", "who is in your family"),
            "do you have any {kin}",
            "who is in my family",
        ),
        Topic(
            "colour",
            ("colour",),
            ("i wear {colour}", "my colour is {colour}"),
            ("what is your colour", "which colour do you wear"),
            "do you wear {colour}",
            "which colour i like",
        ),
        Topic(
            "car",
            ("look", "car"),
            ("i drive a {look} {car}", "i own a {look} {car}"),
            ("what do you drive", "how do you get around"),
            "is it a {car} that you drive",
            "what i drive",
        ),
        Topic(
            "music",
            ("music",),
            ("i listen to {music}", "my music is {music}"),
            ("what music do you listen to", "what is your music"),
            "do you listen to {music}",
            "what music i like",
        ),
        Topic(
            "fear",
            ("fear",),
            ("i am afraid of {fear}", "i fear {fear}"),
            ("what are you afraid of", "what scares you"),
            "are you afraid of {fear}",
            "what i am afraid of",
        ),
        Topic(
            "dream",
            ("country", "month"),
            ("i want to see {country} in {month}", "i dream of {country} in {month}"),
            ("where do you want to go", "what do you dream of"),
            "do you want to see {country}",
            "where i want to go",
        ),
    )
}
TOPIC_OF: Mapping[str, str] = {slot: topic.name for topic in TOPICS.values() for slot in topic.slots}

_SECOND_PERSON = {"i": "you", "my": "your", "am": "are"}


def second_person(phrase: str) -> str:
    """Say to the other what they said of themselves: "i live in oslo" becomes "you live in oslo"."""
    return " ".join(_SECOND_PERSON.get(word, word) for word in phrase.split(" "))


def pattern(phrase: str) -> re.Pattern[str]:
    """The regular expression of a phrase, a named group for every slot, matching whole words only."""
    groups = {slot: f"(?P<{slot}>{'|'.join(values)})" for slot, values in VALUES.items()}
    return re.compile(rf"(?<!\S){phrase.format(**groups)}(?!\S)")
