"""Prompted baselines: `python -m zoo.prompted data=demo_users language_model.path=FOLDER`. `--help` lists settings."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from zoo.launch import readable_errors

CONF = Path(__file__).parents[2] / "conf"


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="prompted")
def compose_and_ask(cfg: DictConfig) -> None:
    """One evaluation."""
    from zoo.prompted.run import evaluate  # torch, lightning and transformers: `--help` does without

    with readable_errors():
        evaluate(cfg)


def main() -> None:
    """The command line; a user's mistake ends in one paragraph and exit code 2."""
    with readable_errors():
        compose_and_ask()


if __name__ == "__main__":
    main()
