"""Whether a version that is pinned has a known vulnerability: ``make audit``. Asks pip-audit, which asks the network.

python bench/audit.py PIP_AUDIT       the path of the pip-audit command, installed beside the product and not into it
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PINS = Path(__file__).parent.parent / "constraints.txt"
# Known, looked at, and why each does not concern the product: a vulnerability that is not here fails the audit.
ACCEPTED = {
    "CVE-2026-45829": "Chroma's Python server runs code for strangers; the product starts no server, gives every "
    "collection its own vectors, and opens none but its own folders",
    "CVE-2026-45833": "of the same server",
}
OFFLINE = (
    "The audit could not be made: {reason}\nIt asks the Python Package Index or, with --service osv, OSV for known "
    "vulnerabilities; run it on a machine that reaches one of them. Nothing is said here about the packages."
)


def main() -> int:
    """Print what was found: 0 nothing, 1 a vulnerability, 2 the audit could not be made."""
    command = [sys.argv[1], "-r", str(PINS), "--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json"]
    done = subprocess.run(command + sys.argv[2:], capture_output=True, text=True, check=False)
    try:
        audited: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(OFFLINE.format(reason=(done.stderr.strip().splitlines() or ["no output"])[-1][:300]))
        return 2
    skipped = [one["name"] for one in audited if "skip_reason" in one]
    # A mirror answers for packages, knows no vulnerabilities, and looks like a clean bill.
    if len(skipped) > len(audited) // 10:
        print(OFFLINE.format(reason=f"{len(skipped)} of {len(audited)} packages are not known to the service"))
        return 2
    found = {vuln["id"]: (one, vuln) for one in audited for vuln in one.get("vulns", ())}
    new = 0
    for name, (one, vuln) in sorted(found.items()):
        names = {name, *vuln.get("aliases", ())}
        reason = next((ACCEPTED[alias] for alias in sorted(names) if alias in ACCEPTED), None)
        new += reason is None
        fixed = ", ".join(vuln.get("fix_versions", ())) or "no version yet"
        print(f"{one['name']} {one['version']}: {', '.join(sorted(names))}; fixed in {fixed}; {reason or 'NOT JUDGED'}")
    print(f"{len(audited)} packages, {len(found)} known vulnerabilities, {new} of them not judged")
    print(f"unknown to the service: {', '.join(skipped) or 'none'}")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
