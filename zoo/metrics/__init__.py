"""Metrics over what a run wrote down: each sees rows of generations.jsonl, never a model, and can be computed again.

A name stands for one definition; computed differently, a metric has another name. Sums run over the whole corpus.

================================  ========  ============================================================================
name                              unit      definition
================================  ========  ============================================================================
``ppl_token``                     -         exp(sum nll / sum tokens), [EOS] counted
``ppl_word``                      -         exp(sum nll / sum words), words between blanks + 1 for the end of each reply
``bits_per_char``                 bit       sum nll / ln 2 / sum characters (code points of the references)
``ppl_reference``                 -         exp(mean of teacher-forced token losses > 0): PAA's
``f1_parlai``                     %         mean over replies of word-multiset F1; no case, punctuation, a/an/the
``f1_words``, ``f1_characters``   %         the same over words between blanks, over characters
``f1_2gram``                      %         the same over bigrams of ParlAI's words; a reply of one word has none: 0
``f1_lcs``                        %         mean over replies of 2 LCS / (words of reply + of reference), ParlAI's words
``rouge_l``                       %         the same over runs of a-z and 0-9 in lower case: rouge-score's rougeL
``similarity``                    -1 to 1   mean over replies of the cosine with the reference, in an embedder's space
``acc_sim_090``                   0 to 1    replies whose cosine is at least 0.9 / replies
``f1_teacher_forced_macro``       %         macro-F1 over token types, argmax against target ids, with padding: PAA's
``bleu_p1``, ``bleu_p2``          %         corpus n-gram precision, no brevity penalty
``bleu1``, ``bleu2``, ``bleu4``   %         corpus BLEU up to that order, with brevity penalty (sacrebleu)
``brevity_penalty``               0 to 1    min(1, exp(1 - reference length / reply length))
``distinct_1``, ``distinct_2``    %         different n-grams / n-grams, punctuation characters are words
``distinct_2_per_unigram``        %         different bigrams / words
``distinct_s``                    %         different whole replies / replies
``distinct_1_by_context``         0 to 1    mean over questions (last utterances of the history) of distinct_1
``distinct_2_by_context``         0 to 1    mean over questions of distinct_2
``distinct_s_by_context``         0 to 1    mean over questions of distinct_s
``hits_1_of_20``                  %         gold reply scores strictly above the 19 others; a tie is a miss
``c_score``                       -         mean over replies of sum over persona sentences of +1 / 0 / -1 (NLI)
``c_score_macro``                 -         mean over users of each one's c_score
``c_per_sentence``                -1 to 1   the same sum over (reply, persona sentence) pairs / their number
``entail_rate``                   %         of these pairs: the reply entails the sentence
``contradict_rate``               %         of these pairs: the reply contradicts the sentence
``repetition_rate``               %         mean over replies of bigrams that occurred before in it / bigrams
================================  ========  ============================================================================

``<metric>_user_mean`` is the mean over users of a text metric of each user's replies (`zoo.metrics.by_user`), with a
bootstrap interval over users beside it (``intervals`` in metrics.json). The versions of the C score and of
``similarity`` name the scorer and the embedder behind them, a scorer's accuracy stands under ``scorers`` there; where
one is weak, of unknown accuracy or taught by a machine, values are listed under ``cautions``, and whatever prints them
says "not comparable".

``<metric>_cleaned`` is a text metric over cleaned-up texts, without the blanks before punctuation and contractions
(`zoo.metrics.text`): PAA's "BLEU-1/2" are ``bleu_p1_cleaned`` and ``bleu_p2_cleaned``, its "Dist-1/2"
``distinct_1_cleaned`` and ``distinct_2_per_unigram_cleaned``. They differ from the metrics without the ending wherever
texts hold " 've", "do n't" or "3.5". generations.jsonl keeps texts as they were decoded and as the corpus has them.

Splitting differently adds an ending: ``distinct_1_characters``, ``bleu4_char``, ``bleu4_ja_mecab``; words of Japanese
end in ``_japanese`` (protocol=japanese), and their versions name the dictionary. Examples with K candidates instead of
20 make ``hits_1_of_<K>``. A quotient without a denominator is NaN, in metrics.json null.

`MetricSuite` holds the metrics of one protocol (conf/protocol); `python -m zoo.metrics RUN_DIR` computes them again,
`--protocol default paa_reference` under both side by side. Of a run under protocol=paa_both all are in metrics.json.
Importing this package costs nothing: torch and sacrebleu load with the first name that is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.metrics.base import GenerationMetric
    from zoo.metrics.bleu import Bleu
    from zoo.metrics.c_score import CScore
    from zoo.metrics.distinct import DistinctNgrams, DistinctReplies
    from zoo.metrics.distinct_by_context import DistinctNgramsByContext, DistinctRepliesByContext
    from zoo.metrics.f1 import TeacherForcedMacroF1, WordF1
    from zoo.metrics.generations import LIKELIHOOD_FIELDS, Generation, read_generations, write_generations
    from zoo.metrics.hits import Hits
    from zoo.metrics.lcs import LcsF1, RougeL
    from zoo.metrics.ngram_f1 import NgramF1
    from zoo.metrics.perplexity import BitsPerChar, ReferencePerplexity, TokenPerplexity, WordPerplexity
    from zoo.metrics.repetition import RepetitionRate
    from zoo.metrics.results import Results, read_results, write_results
    from zoo.metrics.similarity import Similarity
    from zoo.metrics.suite import MetricSuite
    from zoo.metrics.text import clean_up

_HOME = {
    "GenerationMetric": "base",
    "Bleu": "bleu",
    "CScore": "c_score",
    "DistinctNgrams": "distinct",
    "DistinctReplies": "distinct",
    "DistinctNgramsByContext": "distinct_by_context",
    "DistinctRepliesByContext": "distinct_by_context",
    "TeacherForcedMacroF1": "f1",
    "WordF1": "f1",
    "LIKELIHOOD_FIELDS": "generations",
    "Generation": "generations",
    "read_generations": "generations",
    "write_generations": "generations",
    "Hits": "hits",
    "LcsF1": "lcs",
    "RougeL": "lcs",
    "NgramF1": "ngram_f1",
    "BitsPerChar": "perplexity",
    "ReferencePerplexity": "perplexity",
    "TokenPerplexity": "perplexity",
    "WordPerplexity": "perplexity",
    "RepetitionRate": "repetition",
    "Results": "results",
    "read_results": "results",
    "write_results": "results",
    "Similarity": "similarity",
    "MetricSuite": "suite",
    "clean_up": "text",
}

__all__ = [
    "LIKELIHOOD_FIELDS",
    "BitsPerChar",
    "Bleu",
    "CScore",
    "DistinctNgrams",
    "DistinctNgramsByContext",
    "DistinctReplies",
    "DistinctRepliesByContext",
    "Generation",
    "GenerationMetric",
    "Hits",
    "LcsF1",
    "MetricSuite",
    "NgramF1",
    "ReferencePerplexity",
    "RepetitionRate",
    "Results",
    "RougeL",
    "Similarity",
    "TeacherForcedMacroF1",
    "TokenPerplexity",
    "WordF1",
    "WordPerplexity",
    "clean_up",
    "read_generations",
    "read_results",
    "write_generations",
    "write_results",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"zoo.metrics.{_HOME[name]}"), name)
    raise AttributeError(f"module 'zoo.metrics' has no attribute {name!r}")
