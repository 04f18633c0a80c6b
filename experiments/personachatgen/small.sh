#!/usr/bin/env bash
# Table 7 of PersonaChatGen at a size for two cores: a synthesis, then M1 on a part of ConvAI2 alone and M2 on it and the
# generated dialogues, both tested on ConvAI2's validation file and on generated dialogues; finished parts are skipped.
#   [SYNTHESIS=FOLDER] [DIALOGUES=1500] [STEPS=819] experiments/personachatgen/small.sh DATA_FOLDER OUTPUT_FOLDER [SEED ...]
# DATA_FOLDER has convai2/. SYNTHESIS is the folder of a finished `python -m zoo.synthesis`; without one the embedded
# grammar writes DIALOGUES of them, which exercises the code and replicates nothing. Both rows train for as many steps of 32
# replies: three epochs of the part of ConvAI2.
set -euo pipefail
[ -d "${1-}/convai2" ] && [ -n "${2-}" ] || { sed -n 4,7p "$0" >&2; exit 2; }
data=$(realpath "$1") out=$(realpath -m "$2")
shift 2
seeds=("${@:-36}")
train=train_subset_self_original_no_cands.txt
synthesis=$(realpath -m "${SYNTHESIS:-$out/synthesis}")
cd "$(dirname "$0")/../.."
mkdir -p "$out"
[ -f "$synthesis/export/export.json" ] ||
  python -m zoo.synthesis dialogues.n="${DIALOGUES:-1500}" size.persona_sets=300 stages=[sentences,personas,dialogues] \
    hydra.run.dir="$synthesis" >"$out/synthesis.log" 2>&1
[ -d "$out/tokenizer" ] || python experiments/paa/small_tokenizer.py "$data/convai2/$train" "$out/tokenizer"
# row NAME SEED [OVERRIDES]: conf/experiment/personachatgen/tiny_NAME
row() {
  local name=$1 seed=$2
  shift 2
  [ -f "$out/$name/$seed/metrics.json" ] ||
    python run.py experiment="personachatgen/tiny_$name" data.folder="$synthesis" data.name=convai2 \
      data.root="$data/convai2" data.train_file=$train backbone.tokenizer_path="$out/tokenizer" \
      data.max_eval_examples="${EXAMPLES:-2000}" data.eval_batch_size=50 trainer.max_epochs=100 \
      trainer.max_steps="${STEPS:-819}" show_replies=0 \
      seed="$seed" hydra.run.dir="$out/$name/$seed" "$@" >"$out/$name-$seed.log" 2>&1 ||
    { tail -n 4 "$out/$name-$seed.log" >&2; exit 2; }
}
declare -A runs
for name in m1 m2; do
  for seed in "${seeds[@]}"; do
    row $name "$seed"
    runs[$name]+=${runs[$name]:+,}$out/$name/$seed
  done
done
python experiments/personachatgen/table7.py M1="${runs[m1]}" M2="${runs[m2]}" --out "$out"
