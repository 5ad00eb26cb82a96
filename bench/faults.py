"""What a user sees of each fault, and that nothing is lost: the table of docs/reliability.md.

python bench/faults.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fault_cases import FAULTS, Index, fast_product  # a part of the tests, which are no package


def main() -> int:
    """Play every fault and print the table; 0 if nothing was lost."""
    print("| fault | what the user sees | lost |\n|---|---|---|")
    failed = 0
    for what, play in FAULTS.items():
        with tempfile.TemporaryDirectory() as name, fast_product():
            home = Path(name)
            home.chmod(0o755)
            try:
                index = Index(home)
                seen = play(index).replace(str(home), "")
                index.ingest()
                index.nothing_lost()
                lost = "nothing"
            except AssertionError as error:
                seen, lost = str(error), "FAILED"
                failed += 1
        print(f"| {what} | {' '.join(seen.split())} | {lost} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
