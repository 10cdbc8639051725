"""The HTTP library below the installed `openai`: httpx2 for openai 3, httpx for openai 2.

The names that are used here are the same in both. It comes with `openai`, so it is declared nowhere else.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from ssl import SSLContext
from types import ModuleType

LIBRARIES = frozenset({"httpx", "httpx2"})


@cache
def http_library() -> ModuleType:
    """The module whose client `openai` uses: its exceptions are what a broken connection raises."""
    import openai

    packages = [base.__module__.partition(".")[0] for base in openai.DefaultAsyncHttpxClient.__mro__]
    return import_module(next(name for name in packages if name in LIBRARIES))


@cache
def trusted() -> SSLContext:
    """The certificates that are trusted, loaded once: it takes longer than a call's whole overhead."""
    context: SSLContext = http_library().create_ssl_context()
    return context
