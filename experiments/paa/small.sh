#!/usr/bin/env bash
# The PAA study at a size for two cores, on real dialogues: every open row of Tables 1, 4 and 6, Figure 3 at 10, 30 and
# 100 %, Hits@1, each under both protocols; finished runs are skipped.
#   [ROWS="paa gpt2_small"] [EPOCHS=1] experiments/paa/small.sh DATA_FOLDER OUTPUT_FOLDER [SEED ...]
# DATA_FOLDER has convai2/, dailydialog/ and synthetic_persona_chat/. GPT-2 "small", "medium" and "large" are networks of
# width 96, 128 and 160, pre-trained here for 500 steps of 64 replies on dialogues that are not ConvAI2's.
set -euo pipefail
[ -d "${1-}/convai2" ] && [ -n "${2-}" ] || { sed -n 4,6p "$0" >&2; exit 2; }
data=$(realpath "$1") out=$(realpath -m "$2")
shift 2
seeds=("${@:-36}")
train=train_subset_self_original_no_cands.txt
cd "$(dirname "$0")/../.."
[ -d "$out/tokenizer" ] || python experiments/paa/small_tokenizer.py "$data/convai2/$train" "$out/tokenizer"
declare -A sizes=([small]="96 4 4" [medium]="128 5 4" [large]="160 6 5")  # width, depth, heads
pretrained() {  # SIZE
  [ -d "$out/backbone/$1" ] && return
  read -r width depth heads <<<"${sizes[$1]}"
  python run.py model=finetune template=plain data=pretraining_mixed data.dailydialog_root="$data/dailydialog" \
    data.synthetic_root="$data/synthetic_persona_chat" backbone=gpt2 backbone.pretrained=false \
    backbone.tokenizer_path="$out/tokenizer" backbone.width="$width" backbone.depth="$depth" backbone.heads="$heads" \
    model.net.dropout=0.0 template.max_context_tokens=96 optimizer.lr=2e-3 optimizer.fused=true scheduler=linear \
    scheduler.num_warmup_steps=100 data.batch_size=64 trainer.max_epochs=1 trainer.limit_train_batches=500 \
    trainer.gradient_clip_val=1.0 data.max_eval_examples=1000 run=[fit] hydra.run.dir="$out/pretraining/$1" >"$out/pretraining-$1.log" 2>&1
  python -m zoo.export "$out/pretraining/$1" "$out/backbone/$1"
}
# row EXPERIMENT FOLDER SEED [OVERRIDES]: conf/experiment/paa/EXPERIMENT at this size
row() {
  local name=$1 folder=$2 seed=$3 size=small
  shift 3
  case $name in *medium*) size=medium ;; *large*) size=large ;; esac
  case $name in gpt2_* | *_gpt2_*) ;; *) set -- model.net.encoder_layers=2 "$@" ;; esac
  pretrained $size
  [ -f "$out/$folder/$seed/metrics.json" ] ||
    python run.py experiment="paa/$name" data.root="$data/convai2" data.train_file=$train backbone=gpt2 \
      backbone.path="$out/backbone/$size" data.candidates=[valid,test] data.max_eval_examples=1000 \
      data.eval_batch_size=50 template.max_context_tokens=128 decoding.max_new_tokens=24 optimizer.lr=1e-3 \
      optimizer.fused=true scheduler=linear scheduler.num_warmup_steps=50 trainer.max_epochs="${EPOCHS:-1}" \
      trainer.gradient_clip_val=1.0 trainer.precision=32-true show_replies=0 seed="$seed" \
      +protocol.metrics.hits_1_of_20._target_=zoo.metrics.hits.Hits \
      hydra.run.dir="$out/$folder/$seed" "$@" >"$out/$folder-$seed.log" 2>&1
}
rows=${ROWS:-paa gpt2_small gpt2_small_untied encoder_gpt2 attention_routing direct_sum param dual skipped context
  paa_persona_tau paa_listing1 gpt2_medium gpt2_medium_untied gpt2_large gpt2_large_untied cond_aware_mean cond_aware_max
  dual_reference context_reference cond_aware_mean_reference cond_aware_max_reference
  low_resource_paa low_resource_gpt2_small low_resource_gpt2_small_untied paa_hits gpt2_small_hits paa_longer gpt2_small_longer}
for seed in "${seeds[@]}"; do
  for name in $rows; do
    case $name in
      paa | paa_persona_tau | context | dual) row "$name" "$name" "$seed" callbacks=gates ;;
      low_resource_*)
        for percent in 10 30; do
          row "$name" "${name}_$percent" "$seed" data.train_percent=$percent
        done
        ;;
      # the choice head's others come from the batch: this part of the training file has no candidates
      paa_hits | gpt2_small_hits)
        row "${name%_hits}" "$name" "$seed" learner=double_heads learner.negatives_from=batch trainer.max_epochs=1 \
          init_from="$out/${name%_hits}/$seed"
        ;;
      paa_longer | gpt2_small_longer)  # the same further epoch without the head, to hold that against
        row "${name%_longer}" "$name" "$seed" init_from="$out/${name%_longer}/$seed"
        ;;
      *) row "$name" "$name" "$seed" ;;
    esac
  done
done
