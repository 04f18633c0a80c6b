"""Models that read persona and context as one text and may keep a row of parameters for every user.

Letters: B batch, C text before the response, U users.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from zoo.adapters.adapter import Adapter
from zoo.backbones import Backbone
from zoo.data.batch import DialogueBatch
from zoo.errors import UserError
from zoo.models.banks.base import AdapterBank
from zoo.models.base import DialogueModel
from zoo.models.start import TrainedRow, read_start


class UserRows(DialogueModel):
    """A language model and a bank with a row a user, or with one for everybody.

    Args:
        backbone: whose name or path adapters are stored with.
        tokenizer: gives the separator before the response.
        shared: one row for everybody.
        seed: of random starts; a user's start depends on it and on the user's id alone.
        start_from: a PEFT folder, or the directory of a run with one state for everybody, that every row starts as.

    Attributes:
        users: the id of every row; empty with a shared row, [""] before anybody was introduced.
    """

    bank: AdapterBank

    def __init__(
        self,
        backbone: Backbone,
        tokenizer: PreTrainedTokenizerBase,
        *,
        shared: bool,
        seed: int,
        start_from: Path | str | None = None,
    ) -> None:
        super().__init__()
        self.base_model, self.revision = backbone.path or backbone.name, backbone.revision
        self.start_from = None if start_from is None else read_start(start_from)
        self.between = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        self.shared, self.seed = shared, seed
        self.has_user_rows = not shared
        self.before_context: int | None = None
        self.users: list[str] = [""]
        self._row_by_user: dict[str, int] = {}

    def set_users(self, users: Sequence[str], words: Sequence[Sequence[int]] | None = None) -> None:
        """Make a row for every user and fill it with its start.

        Args:
            users: ids, by row; with a shared row they are not remembered (but that nobody was introduced, [""], is).
            words: token ids of every user's sentences, for starts from text.
        """
        self.users = [] if self.shared and list(users) != [""] else list(users)
        self._row_by_user = {user: row for row, user in enumerate(self.users)}
        rows = 1 if self.shared else len(self.users)
        self.bank.resize(rows)
        if self.start_from is not None:
            for row in range(rows):
                self.take(row, self.start_from)
            return
        for row in range(rows):
            generator = torch.Generator().manual_seed(stable_hash(f"{self.seed}:{'' if self.shared else users[row]}"))
            of_row = None if words is None else [t for w in words for t in w] if self.shared else words[row]
            self.bank.initialise(row, generator, None if of_row is None else torch.tensor(of_row, dtype=torch.long))

    def take(self, row: int, given: Adapter | TrainedRow) -> None:
        """Let a row be what was trained elsewhere, trainable like any other.

        Raises:
            UserError: it is of another kind, backbone, length or rank.
        """
        if isinstance(given, Adapter):
            raise UserError(
                f"A stored adapter was given to {type(self).__name__}, which trains whole networks; expected the "
                "directory of a run that trained one for everybody."
            )
        self.check_backbone(f"What {given.folder} trained", given.backbone, given.revision)
        self.bank.take(row, given.tables, str(given.folder))
        if given.length is not None:
            self.bank.set_length(row, given.length)  # type: ignore[operator]

    def check_backbone(self, what: str, backbone: str | None, revision: str | None) -> None:
        """Refuse what was trained on another backbone; where one is not named, nothing is compared."""
        other = revision is not None and self.revision is not None and revision != self.revision
        if not (backbone is None or same_place(backbone, self.base_model)) or other:
            raise UserError(
                f"{what} belongs to the backbone {backbone} (revision {revision}), but this run's is {self.base_model} "
                f"(revision {self.revision}); expected the same. Set backbone= and backbone.path= to the former's."
            )

    def row_of(self, user: str) -> int:
        """The row of a user id.

        Raises:
            UserError: nobody has that id.
        """
        if self.shared:
            return 0
        if user not in self._row_by_user:
            some = ", ".join(repr(name) for name in self.users[:3])
            raise UserError(f"There is no adapter of user {user!r} among {len(self.users)} users ({some}, ...).")
        return self._row_by_user[user]

    def positions_needed(self, prompt: int, answer: int) -> tuple[int, int | None]:
        """As in the base class, with [SEP] where it stands before the context."""
        return super().positions_needed(prompt + (self.before_context is not None), answer)

    def rows(self, batch: DialogueBatch) -> Tensor:
        """The bank's row for each row of the batch: [B]."""
        return torch.zeros_like(batch.user) if self.shared and not self.bank.is_holding else batch.user

    def text(self, batch: DialogueBatch) -> tuple[Tensor, Tensor]:
        """Persona and context as the template has them, then a separator: ids [B, C] and mask [B, C].

        Padded where no distance between tokens changes: on the left before a response, on the right in an encoder.
        """
        pad = "right" if self.lm.config.is_encoder_decoder else "left"
        return batch.join("persona", "context", pad=pad, between=self.before_context, end=self.between)  # type: ignore[arg-type]


def check_separator(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of [SEP].

    Raises:
        UserError: the template adds none.
    """
    if tokenizer.sep_token_id is None:
        raise UserError(
            "[SEP] is to stand between persona and context, but the template adds no such token; expected one that "
            "does, template=paa."
        )
    return int(tokenizer.sep_token_id)


def same_place(one: str, other: str) -> bool:
    """Are two backbones' ids or paths the same?"""
    return one == other or (Path(one).is_dir() and Path(other).is_dir() and Path(one).samefile(other))


def stable_hash(text: str) -> int:
    """63 bits of a text's hash, the same in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
