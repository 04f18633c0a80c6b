"""How long a user waits for `python run.py --help` and `import zoo`: medians of several processes.

python experiments/benchmarks/startup.py [--runs 5]
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "python -c 'import zoo'": ([sys.executable, "-c", "import zoo"], 1.0),
    "python run.py --help": ([sys.executable, "run.py", "--help"], 3.0),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    print(f"{'':28s}{'seconds':>10s}{'asked':>10s}")
    for name, (command, asked) in COMMANDS.items():
        seconds = []
        for _ in range(runs + 1):
            started = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            seconds.append(time.perf_counter() - started)
        print(f"{name:28s}{statistics.median(seconds[1:]):10.2f}{'< ' + str(asked):>10s}")


if __name__ == "__main__":
    main()
