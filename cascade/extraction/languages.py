"""Languages of code blocks, and the suffixes of their files."""

from __future__ import annotations

from pathlib import PurePosixPath

# Each row: names in info lines, suffixes. A file may be of its row's languages only.
_ROWS: tuple[tuple[str, str], ...] = (
    ("python py python3 pycon", ".py .pyi .pyx"),
    ("typescript ts tsx javascript js jsx mjs vue svelte", ".ts .tsx .js .jsx .mjs .cjs .vue .svelte"),
    ("html htm xml svg jinja jinja2 django", ".html .htm .xml .svg .jinja .j2 .vue .svelte"),
    ("go golang", ".go"),
    ("bash sh shell zsh console", ".sh .bash .zsh"),
    ("rust rs", ".rs"),
    ("java", ".java"),
    ("kotlin kt", ".kt .kts"),
    ("c cpp c++ h hpp objc", ".c .h .cc .cpp .cxx .hpp .hh .m .mm"),
    ("csharp cs c#", ".cs"),
    ("ruby rb", ".rb"),
    ("php", ".php"),
    ("swift", ".swift"),
    ("sql", ".sql"),
    ("json jsonc json5 jsonl", ".json .jsonl .json5 .ipynb"),
    ("yaml yml", ".yaml .yml"),
    ("toml", ".toml"),
    ("ini cfg conf", ".ini .cfg .conf"),
    ("css scss sass less", ".css .scss .sass .less"),
    ("markdown md mdx rst", ".md .mdx .rst .txt"),
)
_OTHERS = (
    ".scala .clj .cljs .ex .exs .erl .hs .lua .r .jl .pl .pm .dart .zig .nim .sol .tf .proto .graphql "
    ".gql .groovy .gradle .ps1 .bat .cmd .fish .csv .tsv .lock .tex .bib .mk .cmake .nix .env .tmpl "
    ".template .in .patch .diff .el .lisp .fs .vy .properties .service .typed .log "
)
_LANGUAGES = {name: frozenset(suffixes.split()) for names, suffixes in _ROWS for name in names.split()}
_SUFFIXES = frozenset(suffix for _, suffixes in _ROWS for suffix in suffixes.split())
_KNOWN = _SUFFIXES | frozenset(_OTHERS.split())


def fits(language: str, path: str) -> bool:
    """Whether a block in this language may be this file; an unknown language fits any."""
    suffixes = _LANGUAGES.get(language)
    suffix = PurePosixPath(path).suffix.lower()
    return suffixes is None or suffix in suffixes or suffix not in _SUFFIXES


def is_of(language: str, path: str) -> bool:
    """Whether the language is that of the file's suffix."""
    return PurePosixPath(path).suffix.lower() in _LANGUAGES.get(language, frozenset())


def suffix_of(language: str) -> str | None:
    """The usual suffix of a language's files."""
    return next((suffixes.split()[0] for names, suffixes in _ROWS if language in names.split()), None)


def is_file_suffix(path: str) -> bool:
    """Whether a name ends as files do, or lies in a folder."""
    pure = PurePosixPath(path)
    return (
        "/" in path or pure.suffix.lower() in _KNOWN or not pure.suffix or pure.name.startswith((".", "go."))
    )
