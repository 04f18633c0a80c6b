#!/usr/bin/env bash
# The grid of Tables 3-5 and 7 at a size for two cores: bases x tunings x folds; finished runs are skipped.
#   [BASES="plain_t5 psp_dialogue"] [TUNINGS="one_id lora full"] [FOLDS="0 1 2"] \
#     experiments/user_lora/small.sh synthetic_en|synthetic_ja|convai2 OUTPUT_FOLDER [DATA_FOLDER] [OVERRIDE ...]
# DATA_FOLDER has convai2/, dailydialog/ and synthetic_persona_chat/; only convai2 needs it. Afterwards:
#   python -m zoo.questions OUTPUT_FOLDER/NAME/*_{one_id,lora}/0
#   python -m zoo.evidence leak OUTPUT_FOLDER/NAME/psp_dialogue_{one_id,lora,full}/0
set -euo pipefail
name=${1-} out=$(realpath -m "${2:-.}")
case $name in
  synthetic_en | synthetic_ja) shift 2 ;;
  convai2) [ -d "${3-}/convai2" ] || { sed -n 3,5p "$0" >&2; exit 2; }; shared=$(realpath "$3"); shift 3 ;;
  *) sed -n 3,5p "$0" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/../.."
work=$out/$name
mkdir -p "$work"
language=${name#synthetic_}
[ "$name" = convai2 ] && language=en
steps=400 everybody=null
if [ "$name" = convai2 ]; then
  steps=1200 everybody=50
  data="data=users_convai2 data.root=$shared/convai2 data.max_users=$everybody"
  [ -f "$work/pairs/valid.jsonl" ] || python experiments/user_lora/convai2_pairs.py "$shared" "$work"
else
  data="data=synthetic_users data.language=$language data.num_users=24"
  [ -f "$work/pairs/valid.jsonl" ] ||
    python -m zoo.data.synthetic_users pairs --language "$language" --number 30000 --shards 4 "$work/pairs"
fi
protocol=user_lora
[ "$language" = ja ] && protocol=user_lora_ja
shape="backbone=tiny-t5 backbone.width=96 backbone.heads=4"
common="template.language=$language protocol=$protocol decoding.max_new_tokens=32 show_replies=0 data.max_eval_examples=400"
for prompt in plain psp ppp; do
  [ -f "$work/$prompt/config.json" ] || {
    # shellcheck disable=SC2086  # settings are words
    python run.py experiment=user_lora/pretrain_$prompt $shape template.language="$language" data.root="$work/pairs" \
      data.batch_size=64 optimizer.lr=3e-3 trainer.max_steps=$steps trainer.val_check_interval=$steps \
      scheduler.num_warmup_steps=50 hydra.run.dir="$work/pretraining/$prompt" \
      >"$work/pretraining-$prompt.log" 2>&1
    python -m zoo.export "$work/pretraining/$prompt" "$work/$prompt"
  }
done
adaptation="source.optimizer.lr=1e-3 source.trainer.max_epochs=3 source.data.batch_size=32"
declare -A settings=(
  [one_id]="optimizer.lr=1e-3 trainer.max_epochs=3 data.batch_size=32"
  [lora]="learner.lr=5e-3 learner.epochs=3 learner.batch_size=8 learner.slots=64"
  [full]="learner.lr=1e-3 learner.epochs=3 learner.batch_size=8"
)
for fold in ${FOLDS:-0 1 2}; do
  profiles=
  if [ "$name" = convai2 ]; then  # of what is trained on in this fold
    profiles=data.profiles=$work/profiles-$fold.jsonl
    # shellcheck disable=SC2086
    [ -f "$work/profiles-$fold.jsonl" ] || python -m zoo.profiles data "$work/profiles-$fold.jsonl" $data data.fold="$fold"
  fi
  for base in ${BASES:-plain_t5 plain_dialogue psp_dialogue ppp_dialogue}; do
    for tuning in ${TUNINGS:-one_id lora full}; do
      run=$work/${base}_$tuning/$fold
      [ -f "$run/metrics.json" ] && continue
      size=$shape
      [ "$base" = plain_t5 ] || size="backbone=tiny-t5"
      some=
      [ "$tuning" = full ] && some="data.max_users=8 +source.data.max_users=$everybody"  # adapted with everybody
      # shellcheck disable=SC2086
      python run.py experiment="user_lora/${base}_$tuning" $data $profiles $size $common $adaptation ${settings[$tuning]} $some \
        pretrained="$work" data.fold="$fold" source.directory="$work/adapted/$base/$fold" hydra.run.dir="$run" "$@" \
        >"$work/${base}_$tuning-$fold.log" 2>&1 || { tail -n 3 "$work/${base}_$tuning-$fold.log" >&2; exit 1; }
    done
  done
done
