"""The commands of ``python -m rag``."""

from __future__ import annotations

import argparse
import sys

from rag import keys_command
from rag.errors import RagError


def main(argv: list[str] | None = None) -> int:
    """Run a command; the exit code is 0, or 2 when it could not be done."""
    parser = argparse.ArgumentParser(prog="python -m rag", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    keys_command.add_to(commands)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except RagError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
