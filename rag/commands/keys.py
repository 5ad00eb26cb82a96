"""The command ``python -m rag keys``: make API keys, list them, revoke them."""

from __future__ import annotations

import argparse
from getpass import getuser
from pathlib import Path

from rag.audit import audit
from rag.keys import KeyFile
from rag.logs import configure
from rag.settings import load_settings


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of ``python -m rag``."""
    about = "API keys: add, list and revoke them; a running server sees the change at once"
    parser = commands.add_parser("keys", help=about, description=about)
    doing = parser.add_subparsers(required=True, metavar="COMMAND")
    add = doing.add_parser("add", help="make a key and print it, once")
    add.add_argument("name", help="who or what it is for, e.g. reporting")
    add.add_argument(
        "--role", choices=["read", "write"], default="read", help="write may upload and remove, too (default: read)"
    )
    add.set_defaults(run=_add)
    listing = doing.add_parser("list", help="names, roles and dates of the keys")
    listing.set_defaults(run=_list)
    revoke = doing.add_parser("revoke", help="forget a key")
    revoke.add_argument("name", help="its name")
    revoke.set_defaults(run=_revoke)
    for one in (add, listing, revoke):
        one.add_argument("--data-dir", type=Path, help="where the keys are kept (default: RAG_DATA_DIR, .rag)")


def _add(args: argparse.Namespace) -> int:
    token = _file(args).add(args.name, args.role)
    audit("key added", who=_who(), key=args.name, role=args.role, result="ok")
    print(token)
    return 0


def _list(args: argparse.Namespace) -> int:
    for key in _file(args).read():
        print(f"{key.name}\t{key.role}\t{key.created}")
    return 0


def _revoke(args: argparse.Namespace) -> int:
    _file(args).revoke(args.name)
    audit("key revoked", who=_who(), key=args.name, result="ok")
    print(f"revoked: {args.name}")
    return 0


def _file(args: argparse.Namespace) -> KeyFile:
    # It listens nowhere; a host that needs keys must not keep anyone from making the first one.
    settings = load_settings(host="127.0.0.1", root_path="", trusted_proxies=(), data_dir=args.data_dir)
    configure(settings.log_format, settings.log_level)
    return settings.key_file


def _who() -> str:
    try:
        return f"user {getuser()} at the command line"
    except (OSError, KeyError):  # a container's user without a name
        return "command line"
