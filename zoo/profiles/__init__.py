"""Profile inference: closed attributes of a user (age, gender, marriage, occupation, location) from what they posted.

* `zoo.profiles.base`: `ProfileInferer`, posts of one unit -> {attribute: (value, confidence)}.
* `zoo.profiles.voting`: a year of posts in units of 150, a majority vote over the units.
* `zoo.profiles.lexical`: `LexicalProfiles`, embedded cue lists in English and Japanese; the default.
* `zoo.profiles.zero_shot`: `ZeroShotProfiles`, around any NLI scorer.
* `zoo.profiles.asked`: `AskedProfiles`, around any language model.
* `python -m zoo.profiles`: infer profiles for a file of posts, or measure accuracy on the synthetic users.
"""
