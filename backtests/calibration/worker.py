"""A process that runs worlds: it reads a job, then a number a line, and writes an outcome a line.

It ends when its input does, so none outlives the command that started it.
"""

import pickle
import sys

from backtests.calibration.runs import run_world


def main() -> None:
    """Answer every number."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # whatever else is printed is no answer
    job = pickle.load(sys.stdin.buffer)  # written by the command that started this process
    for line in sys.stdin.buffer:
        answers.write(run_world(job, int(line)).to_line())
        answers.flush()


if __name__ == "__main__":
    main()
