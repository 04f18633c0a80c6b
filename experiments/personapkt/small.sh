#!/usr/bin/env bash
# PersonaPKT's Table 2, controls and Figure 2 at a size for two cores, on real dialogues; finished runs are skipped.
#   [ROWS="ft pkt_base"] experiments/personapkt/small.sh DATA_FOLDER OUTPUT_FOLDER [SEED ...]
# DATA_FOLDER has convai2/, dailydialog/ and synthetic_persona_chat/. C is by the lexical scorer here; by a trained one:
#   python -m zoo.metrics RUN_DIR --scorer FOLDER --write
set -euo pipefail
[ -d "${1-}/convai2" ] && [ -n "${2-}" ] || { sed -n 3,5p "$0" >&2; exit 2; }
data=$(realpath "$1") out=$(realpath -m "$2")
shift 2
seeds=("${@:-36}")
csv=Synthetic-Persona-Chat_test.csv
cd "$(dirname "$0")/../.."
[ -d "$out/tokenizer" ] ||
  python experiments/paa/small_tokenizer.py "$data/synthetic_persona_chat/$csv" "$out/tokenizer"
[ -d "$out/backbone" ] || {
  python run.py model=finetune template=plain data=pretraining_mixed data.dailydialog_root="$data/dailydialog" \
    data.synthetic_root="$data/synthetic_persona_chat" backbone=gpt2 backbone.pretrained=false \
    backbone.tokenizer_path="$out/tokenizer" backbone.width=128 backbone.depth=4 backbone.heads=4 \
    model.net.dropout=0.0 template.max_context_tokens=96 optimizer.lr=2e-3 optimizer.fused=true scheduler=linear \
    scheduler.num_warmup_steps=100 data.batch_size=64 trainer.max_epochs=1 trainer.gradient_clip_val=1.0 \
    run=[fit] hydra.run.dir="$out/pretraining"
  python -m zoo.export "$out/pretraining" "$out/backbone"
}
# row NAME [OVERRIDES]: conf/experiment/personapkt/NAME at this size
row() {
  local name=$1 seed=$2
  shift 2
  [ -f "$out/$name/$seed/metrics.json" ] || [ -f "$out/$name/$seed/source/metrics.json" ] ||
    python run.py experiment="personapkt/$name" data=personapkt_mixed data.root="$data/convai2" \
      data.synthetic_root="$data/synthetic_persona_chat" backbone=gpt2 backbone.path="$out/backbone" \
      "data.sizes={A: {synthetic: 30, convai2: 40}, B: {convai2: 60}, C: {convai2: 120}}" data.max_exchanges=1 \
      template.max_context_tokens=96 decoding.max_new_tokens=24 show_replies=0 \
      seed="$seed" hydra.run.dir="$out/$name/$seed" "$@" >"$out/$name-$seed.log" 2>&1
}
whole="data.batch_size=32 trainer.max_epochs=1 optimizer.lr=5e-4 model.net.dropout=0.0"
each="learner.grid.lr=null learner.grid.batch_size=null learner.epochs=4 learner.patience=1 learner.slots=64"
prefix="$each model.net.mlp_width=64 learner.lr=5e-3"
shared="source.data.batch_size=32 source.trainer.max_epochs=1 source.optimizer.lr=1e-3"
reptile="source.learner.inner_lr=0.05 source.learner.lr=1e-3 source.learner.epochs=1"
full="$each learner.lr=3e-4 source.learner.inner_lr=0.01 source.learner.lr=3e-4 source.learner.epochs=1"
declare -A settings=(
  [ft]=$whole [persona_ft]=$whole [persona_id_ft]=$whole [ft_abc]=$whole
  [rand_prefix]=$prefix [pkt_base]="$prefix $shared" [pkt_temperature]="$prefix $shared"
  [pkt_ppreptile]="$prefix $reptile" [reptile_ft]="$full source.learner.steps_per_epoch=100"
  [source_unadapted]="model.net.mlp_width=64 $shared" [lora]="$each learner.lr=1e-3" [words_prefix]="$each learner.lr=5e-3"
)
rows=${ROWS:-pkt_base ft pkt_ppreptile rand_prefix pkt_temperature persona_ft persona_id_ft reptile_ft}
for seed in "${seeds[@]}"; do
  for name in $rows; do
    # shellcheck disable=SC2086  # settings are words
    row "$name" "$seed" ${settings[$name]}
  done
done
