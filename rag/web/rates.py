"""How often someone may come: token buckets, one for each caller, and no more of them than fit in a few megabytes.

Libraries for this keep a counter for each caller that ever came until a thread of theirs looks after it; here an
attacker with a million addresses makes the oldest be forgotten, and costs nothing else.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_CALLERS = 10_000
_IPV6_NETWORK = 64  # bits; a single household has all the addresses of such a network


class Rates:
    """Lets each caller through ``per_minute`` times a minute, also all at once; 0: as often as they like."""

    def __init__(
        self, per_minute: int, *, most: int = MOST_CALLERS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute = per_minute
        self._most = most
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was
        self._lock = threading.Lock()

    def wait(self, caller: str) -> float:
        """Take one of what is left to a caller: 0, or the seconds until there is one again."""
        if not self._per_minute:
            return 0.0
        each = 60 / self._per_minute
        now = self._clock()
        with self._lock:
            left, since = self._buckets.pop(caller, (float(self._per_minute), now))
            left = min(float(self._per_minute), left + (now - since) / each)
            taken = left >= 1
            self._buckets[caller] = (left - 1 if taken else left, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - left) * each

    def __len__(self) -> int:
        return len(self._buckets)


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the network that one customer has.

    >>> network_of("2001:db8:1:2:3:4:5:6"), network_of("192.0.2.1")
    ('2001:db8:1:2::/64', '192.0.2.1')
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((known, _IPV6_NETWORK), strict=False))
    return address
