"""The commands ``python -m rag …``. Each brings its options and what it does; the rest is imported when it runs."""

from __future__ import annotations

import argparse
import sys

from rag.commands import backup as backup_command
from rag.commands import keys as keys_command
from rag.commands import terminal
from rag.errors import RagError

COMMANDS = (
    terminal.add_ask,
    terminal.add_search,
    keys_command.add_to,
    backup_command.add_backup,
    backup_command.add_restore,
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; the exit code is that of the command, 2 when nothing could be done."""
    parser = argparse.ArgumentParser(prog="python -m rag", description="Ask the articles from a terminal.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in COMMANDS:
        add(commands)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except RagError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
