"""A verdict as the few lines from which a model can mend its answer."""

from __future__ import annotations

from cascade.types import Diagnostic, Report, Verdict

# Characters a token, on the short side for code, so that the budget is kept with any tokenizer.
CHARS_PER_TOKEN = 3
SEVERITIES = {"error": 0, "warning": 1, "info": 2}
# What failed when the code ran says more than what a reader of the code suspects.
USEFULNESS = {"syntax": 0, "pytest": 1}
# Codes under this prefix are located in the tests, whose text may have to stay hidden.
TEST_CODE = "test."
MAX_MESSAGE = 600


def render(verdict: Verdict, *, max_tokens: int = 600, show_tests: bool = False) -> str:
    """Failures first, each once, with place and source line, within about `max_tokens` tokens.

    Where tests failed, the values are shown; paths, lines and messages of the tests only if `show_tests`.
    Returns an empty string if there is nothing to say.
    """
    entries: list[str] = []
    seen: set[tuple[str | None, int | None, str]] = set()
    for report, found in sorted(_findings(verdict), key=lambda pair: _rank(*pair)):
        text = _entry(found, show_tests=show_tests)
        key = (found.path, found.line, _kind(report, found)) if found.line is not None else (None, None, text)
        if key in seen or text in entries:
            continue
        seen.add(key)
        entries.append(text)
    return _fit(entries, max_tokens * CHARS_PER_TOKEN)


def _findings(verdict: Verdict) -> list[tuple[Report, Diagnostic]]:
    """Errors of the validators that failed; warnings only if there is nothing else to say."""
    failed = [report for report in verdict.reports if report.status == "failed"]
    pairs = [(report, found) for report in failed for found in report.diagnostics]
    pairs += [
        (report, Diagnostic(message=report.detail or f"{report.name} failed", code=report.name))
        for report in failed
        if not report.diagnostics
    ]
    errors = [pair for pair in pairs if pair[1].severity == "error"]
    return errors or pairs


def _rank(report: Report, found: Diagnostic) -> tuple[int, int, str, int]:
    return (
        SEVERITIES[found.severity],
        USEFULNESS.get(report.name, 2),
        found.path or "",
        found.line or 0,
    )


def _kind(report: Report, found: Diagnostic) -> str:
    """Several tools name the same defect on a line differently: one of them is enough."""
    return "line" if not found.code.startswith(TEST_CODE) else f"{report.name}:{found.message}"


def _entry(found: Diagnostic, *, show_tests: bool) -> str:
    in_tests = found.code.startswith(TEST_CODE)
    message = _clip(found.message.strip(), MAX_MESSAGE)
    if in_tests and not show_tests:
        return f"test: {message}"
    place = found.path or ""
    if place and found.line is not None:
        place += f":{found.line}" + (f":{found.column}" if found.column is not None else "")
    code = found.code.removeprefix(TEST_CODE)
    tag = f"[{code}]" if code and not message.startswith(code) else ""
    head = " ".join(part for part in (f"{place}:" if place else "", tag, message) if part)
    return f"{head}\n    {found.source.strip()}" if found.source and found.source.strip() else head


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 20].rstrip()} ... (clipped)"


def _fit(entries: list[str], budget: int) -> str:
    """As many entries as fit, the first at least in part, and how many were left out."""
    kept: list[str] = []
    used = 0
    for entry in entries:
        room = budget - used - 24
        if len(entry) + 3 > room:
            if not kept and room > 0:
                kept.append(f"- {_clip(entry, max(room - 3, 24))}")
            break
        kept.append(f"- {entry}")
        used += len(entry) + 3
    left_out = len(entries) - len(kept)
    if left_out:
        kept.append(f"(and {left_out} more)")
    return "\n".join(kept)
