#!/usr/bin/env bash
# PAA and its decoder alone, with and without the persona, at a size for two cores, on a part of ConvAI2's training set
# and the whole validation file:   [EPOCHS=3] experiments/paa/small_convai2.sh DATA_FOLDER OUTPUT_FOLDER
set -euo pipefail
[ -d "${1-}/convai2" ] && [ -n "${2-}" ] || { echo "usage: $0 DATA_FOLDER OUTPUT_FOLDER; DATA_FOLDER has convai2/" >&2; exit 2; }
data=$(realpath "$1") output=$(realpath -m "$2")
train=train_subset_self_original_no_cands.txt
cd "$(dirname "$0")/../.."
[ -d "$output/tokenizer" ] || python experiments/paa/small_tokenizer.py "$data/$train" "$output/tokenizer"
run() {
  [ -f "$output/$1/metrics.json" ] || python run.py data=convai2 data.root="$data" data.train_file=$train data.eval_batch_size=64 \
    backbone=gpt2 backbone.pretrained=false backbone.tokenizer_path="$output/tokenizer" \
    backbone.width=128 backbone.depth=4 backbone.heads=4 \
    optimizer.lr=1e-3 optimizer.fused=true scheduler=linear scheduler.num_warmup_steps=100 trainer.max_epochs=${EPOCHS:-3} trainer.gradient_clip_val=1.0 trainer.precision=32-true \
    hydra.run.dir="$output/$1" "${@:2}" > "$output/$1.log" 2>&1
}
run paa model=paa
run decoder_without_persona model=finetune template.persona=none
run decoder_with_persona model=finetune
run paa_without_persona model=paa template.persona=none
