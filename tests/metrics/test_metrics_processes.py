import json
import math
import os
from dataclasses import replace

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp

from tests.processes import functions
from zoo.metrics import (
    BitsPerChar,
    Bleu,
    CScore,
    DistinctNgrams,
    DistinctNgramsByContext,
    DistinctReplies,
    DistinctRepliesByContext,
    Hits,
    LcsF1,
    MetricSuite,
    NgramF1,
    ReferencePerplexity,
    RepetitionRate,
    RougeL,
    Similarity,
    TeacherForcedMacroF1,
    TokenPerplexity,
    WordF1,
    WordPerplexity,
)
from zoo.scorers.characters import CharacterNgrams
from zoo.scorers.lexical import LexicalNli

N = 150
UNEVEN = {  # rows of each process
    "one": [N],
    "two, uneven": [1, N - 1],
    "two, one without rows": [0, N],
    "four, uneven": [90, 0, 1, N - 91],
    "four, nobody has any": [0, 0, 0, 0],
}


def everything():
    metrics = [
        TokenPerplexity(),
        WordPerplexity(),
        BitsPerChar(),
        ReferencePerplexity(),
        WordF1(),
        NgramF1(),
        LcsF1(),
        RougeL(),
        NgramF1(words="japanese"),
        TeacherForcedMacroF1(),
        Bleu(),
        DistinctNgrams(1),
        DistinctNgrams(2),
        DistinctNgrams(2, "unigrams"),
        DistinctReplies(),
        DistinctNgramsByContext(1),
        DistinctNgramsByContext(2),
        DistinctRepliesByContext(),
        Similarity(CharacterNgrams()),
        Hits(),
        CScore(LexicalNli()),
        RepetitionRate(),
    ]
    return MetricSuite({metric.name: metric for metric in metrics})


def evaluate(rank, folder, all_rows):
    os.environ["OMP_NUM_THREADS"] = "1"
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=4)
    groups = {size: dist.new_group(list(range(size))) for size in (1, 2)} | {4: None}
    found = {}
    for case, sizes in UNEVEN.items():
        if rank >= len(sizes):
            continue
        suite = everything()
        for metric in suite.metrics.values():
            metric.process_group = groups[len(sizes)]
        first = sum(sizes[:rank])
        rows = all_rows[first : first + sizes[rank]]
        for start in range(0, len(rows), 7):  # so processes update, and merge, a different number of times
            suite.update(rows[start : start + 7])
        values = suite.compute()
        if rank == 0:
            suite.update([])  # no news for the others: a cached value there would leave this process waiting
        assert str(suite.compute()) == str(values)
        found[case] = values
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_every_metric_is_the_same_over_one_two_and_four_processes(tmp_path, corpus):
    rows = [replace(row, user=f"user {n % 7}", history=[f"question {n % 11} ?"]) for n, row in enumerate(corpus(N))]
    mp.start_processes(evaluate, args=(tmp_path, rows), nprocs=4, start_method=functions.get_start_method())
    suite = everything()
    suite.update(rows)
    expected = suite.compute()
    assert len(expected) == 33  # hits among 20 and among 3, five of the C score, two of the similarity
    assert not any(math.isnan(value) for value in expected.values())
    for rank in range(4):
        for case, values in json.loads((tmp_path / f"{rank}.json").read_text()).items():
            if case == "four, nobody has any":
                assert all(math.isnan(value) for value in values.values())
            else:
                assert values == pytest.approx(expected, rel=1e-9), (case, rank)
                exact = [
                    name
                    for name in expected
                    if name.startswith(("bleu", "brevity", "distinct", "hits", "c_", "entail", "contradict", "acc"))
                ]
                assert {name: values[name] for name in exact} == {name: expected[name] for name in exact}
