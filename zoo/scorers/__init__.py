"""Scorers of text: what a text says of another, behind one interface each. They see text alone, never a model or a run.

* `zoo.scorers.base`: `NliScorer`, (premise, hypothesis) -> probabilities of entailment, neutral and contradiction.
* `zoo.scorers.lexical`: `LexicalNli`, embedded rules; for tests and the demo.
* `zoo.scorers.transformers_nli`: `TransformersNli`, any sequence-classification encoder in Hugging Face's format.
* `zoo.scorers.cache`: `CachedNli`, around either: no pair is scored twice. `nli` is the two together (scorer=nli).
* `zoo.scorers.text_scorers`: `CategoryScorer`, `ContradictionScorer`, `ToxicityScorer`, one probability each.
* `zoo.scorers.transformers_text`: each of them by a sequence classifier (`sequence_classifier`, `model_folders`).
* `zoo.scorers.lexical_category`, `lexical_contradiction`, `lexical_toxicity`: by word lists that are handed in
  (`phrases` finds them, `statements` reads slots and values).
* `zoo.scorers.cached_text`: `CachedCategories`, `CachedContradictions`, `CachedToxicity`, around any of them.
* `zoo.scorers.record`: scorer.json beside a trained scorer: how accurate it is, on what, and whose labels taught it.
* `zoo.scorers.embedder`: `Embedder`, texts -> unit vectors, whose cosine says how alike two texts are.
* `zoo.scorers.characters`: `CharacterNgrams`, hashed n-grams of characters; for languages without a model.
* `zoo.scorers.sentence_model`: `SentenceModel`, any model of sentence-transformers (embedder=sentence_model).
* `python -m zoo.scorers`: trains an NLI scorer (`pairs`, `balance`, `measures`, `training`).

Importing this package costs nothing; the lexical scorer needs no transformers.
"""
