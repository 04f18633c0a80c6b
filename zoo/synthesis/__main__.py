"""PersonaChatGen: `python -m zoo.synthesis language_model=grammar`. `--help` lists settings."""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from zoo.launch import readable_errors

CONF = Path(__file__).parents[2] / "conf"


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="synthesis")
def compose_and_synthesise(cfg: DictConfig) -> None:
    """One synthesis."""
    from zoo.synthesis.run import synthesise  # torch and transformers: `--help` does without

    with readable_errors():
        synthesise(cfg)


def main() -> None:
    """The command line; a user's mistake ends in one paragraph and exit code 2."""
    with readable_errors():
        compose_and_synthesise()


if __name__ == "__main__":
    main()
