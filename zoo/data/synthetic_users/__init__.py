"""Embedded synthetic users: invented people with a profile, likings and a way of talking, in English and Japanese.

* `SyntheticUsersCorpus`: multi-partner dialogues; `reply_pairs`: pairs for pre-training, by other users.
* `posts`: a year of posts for profile inference.
* `truth`, `expected`, `matches_truth`: what is so, so that "does a model reproduce *this* user" can be measured.
* `python -m zoo.data.synthetic_users`: writes them as files.

Everything is drawn from numbers and a seed, the same on every machine; all sentences were written for this project.
"""

from zoo.data.synthetic_users.corpus import SyntheticUsersCorpus
from zoo.data.synthetic_users.pairs import reply_pair, reply_pairs
from zoo.data.synthetic_users.posts import Post, posts
from zoo.data.synthetic_users.truth import expected, matches_truth, truth
from zoo.data.synthetic_users.users import User, synthetic_user, user_named

__all__ = [
    "Post",
    "SyntheticUsersCorpus",
    "User",
    "expected",
    "matches_truth",
    "posts",
    "reply_pair",
    "reply_pairs",
    "synthetic_user",
    "truth",
    "user_named",
]
