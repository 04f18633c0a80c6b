#!/usr/bin/env bash
# A small backbone pretrained on dialogues, then prompts, prefixes and LoRA for the 100 personas of ConvAI2's validation
# file, each kind in one run:   experiments/prompt_tuning/small_personas.sh DATA_FOLDER OUTPUT_FOLDER
# DATA_FOLDER has convai2/ and dailydialog/. No dialogue is both in the pretraining text and in a persona's.
set -euo pipefail
data=$(realpath "$1") out=$(realpath -m "$2")
train=train_subset_self_original_no_cands.txt
cd "$(dirname "$0")/../.."
[ -d "$out/tokenizer" ] || python experiments/paa/small_tokenizer.py "$data/convai2/$train" "$out/tokenizer"
[ -d "$out/backbone" ] || {
  python run.py model=finetune template=plain data=pretraining data.dailydialog_root="$data/dailydialog" \
    data.convai2_root="$data/convai2" data.convai2_train_file=$train \
    backbone=gpt2 backbone.pretrained=false backbone.tokenizer_path="$out/tokenizer" \
    backbone.width=128 backbone.depth=4 backbone.heads=4 model.net.dropout=0.0 template.max_context_tokens=96 \
    optimizer.lr=2e-3 optimizer.fused=true scheduler=linear scheduler.num_warmup_steps=100 \
    data.batch_size=64 trainer.max_epochs="${EPOCHS:-2}" trainer.gradient_clip_val=1.0 run=[fit] \
    hydra.run.dir="$out/pretraining"
  python -m zoo.export "$out/pretraining" "$out/backbone"
}
adapters() {
  [ -f "$out/$1/metrics.json" ] || python run.py data=convai2_users data.root="$data/convai2" \
    backbone=gpt2 backbone.path="$out/backbone" template.max_context_tokens=96 data.max_exchanges=1 \
    decoding.max_new_tokens=24 hydra.run.dir="$out/$1" "${@:2}"
}
adapters lora model=lora learner.lr=2e-3 learner.epochs=6 learner.patience=2
adapters lora_shared model=lora users=one optimizer.lr=2e-3 data.batch_size=64 trainer.max_epochs=6
adapters prefix model=prefix_tuning model.net.start=words learner.lr=5e-3 learner.epochs=6 learner.patience=2
adapters prompt model=prompt_tuning model.net.num_virtual_tokens=20 learner.lr=1e-2 learner.epochs=6 learner.patience=2
