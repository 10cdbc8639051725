"""The packages: their names on PyPI, and what their tests need besides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """One package whose source distribution holds its tests."""

    name: str
    needs: tuple[str, ...] = ()
    """What its tests import, beside pytest and what the package itself needs."""
    tests: tuple[str, ...] = ()
    """What plain pytest is given; empty: nothing, as in the package's own repository."""

    @classmethod
    def parse(cls, text: str) -> Package:
        """`NAME` or `NAME:need,need`, as on the command line."""
        name, _, needs = text.partition(":")
        return cls(name, tuple(need for need in needs.split(",") if need))


PACKAGES = (
    Package("humanize", needs=("freezegun",)),
    Package("click"),
    Package("more-itertools"),
    Package("itsdangerous", needs=("freezegun",)),
    Package("toolz"),
    Package("boltons"),
    Package("markupsafe"),
    Package("tabulate"),
    Package("inflect"),
    Package("python-slugify"),
    Package("idna", needs=("hypothesis",)),
    Package("xmltodict"),
    Package("tinydb", needs=("pyyaml",)),
    Package("cachetools"),
)


def chosen(names: str | None) -> tuple[Package, ...]:
    """All, or those that are named; a name that is not in the table is taken as it is."""
    if not names:
        return PACKAGES
    known = {package.name: package for package in PACKAGES}
    return tuple(known.get(text) or Package.parse(text) for text in names.split() if text)
