"""Train, evaluate and compare: `python run.py model=paa data=convai2 trainer.devices=4`. `--help` lists the groups.

Composes the configuration, builds the parts and calls Trainer verbs. Exit code 0 only if every verb finished.
"""

import sys

import hydra
from omegaconf import DictConfig

from zoo.launch import check_started, readable_errors, resumed_arguments, see_gpus
from zoo.memory import keep_freed_memory


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float | None:
    """One run; returns the monitored value for sweepers that want one."""
    see_gpus()  # before torch is loaded, as the next
    keep_freed_memory()
    from zoo.running import run  # torch and lightning: `--help` does without

    with readable_errors():
        return run(cfg)


if __name__ == "__main__":
    see_gpus()
    sys.argv[1:] = resumed_arguments(sys.argv[1:])
    with readable_errors():  # what goes wrong while composing
        check_started(sys.argv[1:])
        main()
