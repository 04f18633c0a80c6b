"""Train an NLI scorer: `python -m zoo.scorers scorer=nli data=dnli`. `--help` lists the settings."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from zoo.launch import readable_errors

CONF = Path(__file__).parents[2] / "conf" / "scorers"


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def compose_and_train(cfg: DictConfig) -> None:
    """One training."""
    from zoo.scorers.run import train  # torch, lightning and transformers: `--help` does without

    with readable_errors():
        train(cfg)


def main() -> None:
    """The command line; a user's mistake ends in one paragraph and exit code 2."""
    with readable_errors():
        compose_and_train()


if __name__ == "__main__":
    main()
