"""What is left of an index whose ingest is killed at random moments, again and again.

python bench/crash.py [ROUNDS] [SEED] [--only ROUND] [--json]

ROUNDS kills that landed (5,000), of runs that add, change, rename and remove articles or rebuild the index: after a
time, after a number of SQL statements, or within one. A reader asks all the while. A round that fails names itself;
`--only` plays what led to it, and it, once more. Timing is not repeatable, so that it may need a few tries.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from crash_rounds import Tally, play  # a part of the tests, which are no package

ROUNDS = 5000
SHOWN = 20


def main() -> int:
    """Play and print; 0 if nothing was lost and no reader met an error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", nargs="?", type=int, default=ROUNDS)
    parser.add_argument("seed", nargs="?", default="1")
    parser.add_argument("--only", type=int, help="the number of one round")
    parser.add_argument("--json", action="store_true", help="print all counts as JSON")
    args = parser.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        tally = play(args.rounds, args.seed, Path(home), only=args.only, told=lambda far: _tell(far, args.rounds))
    spent = os.times()
    cpu = round(sum(spent[:4]), 1)
    if args.json:
        print(json.dumps(asdict(tally) | {"cpu_seconds": cpu}))
    else:
        print(f"seed {args.seed}: {tally.rounds} rounds, {tally.landed} kills landed")
        print(f"{tally.ambiguous} of them with a change in flight")
        print(f"{tally.questions} questions meanwhile, {tally.answers} answered")
        print(f"{len(tally.failures)} failures; {time.perf_counter() - begun:.0f} s, {cpu} s of CPU")
        for where, number in sorted(tally.where.items(), key=lambda one: -one[1])[:SHOWN]:
            print(f"{number:6} {where}")
        print("\n".join(tally.failures[:SHOWN]))
    return 1 if tally.failures else 0


def _tell(far: Tally, of: int) -> None:
    print(f"\r{far.landed} of {of} kills landed, {len(far.failures)} failures", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
