"""A server's threads share what memory was given back."""

from __future__ import annotations

import platform
import subprocess
import sys
from xml.etree import ElementTree

import pytest

# Sixteen threads that all hold memory at once, then glibc's own account of where it took that from.
PROGRAM = """
import ctypes, sys, threading
from rag.web.memory import bound_arenas
print(bound_arenas(), file=sys.stderr)
held, everybody = [], threading.Barrier(16)
def allocate():
    everybody.wait()
    held.append([bytes(50_000) for _ in range(200)])
    everybody.wait()
threads = [threading.Thread(target=allocate) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
out = libc.fdopen(1, b"w")
libc.malloc_info(0, ctypes.c_void_p(out))
libc.fflush(ctypes.c_void_p(out))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="arenas are glibc's")
def test_many_threads_take_memory_from_two_arenas() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "True"
    assert len(ElementTree.fromstring(ran.stdout).findall("heap")) == 2
