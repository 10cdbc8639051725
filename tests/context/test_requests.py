"""Every request of a run begins with the same bytes, and the trace holds them once."""

from __future__ import annotations

from pathlib import Path

import pytest

from cascade import Cascade, Task
from cascade.config import from_mapping
from cascade.models.recording import load_recordings
from cascade.models.scripted import ScriptedModel
from cascade.trace.content import messages_sha256
from cascade.trace.contexts import ContextTexts
from cascade.trace.events import AttemptStarted, ContextShown
from cascade.trace.reader import read_trace

WRONG, RIGHT = "```python a.py\nx = (\n```", "```python a.py\nx = 2\n```"
TIER = {"base_url": "http://127.0.0.1:1", "price": {"input": 1, "output": 2}}


def config(**more: object) -> dict[str, object]:
    return {
        "version": 1,
        "tiers": {
            "flash": {"model": "f", **TIER, "history": {"retry": "full", "escalation": "diagnostics"}},
            "pro": {"model": "p", **TIER},
        },
        "validators": ["syntax"],
        "sandbox": {"use": "none"},
        "classifier": "rules",
        "policy": {"use": "threshold", "start": 0.0, "attempts": {"flash": 2, "pro": 1}},
        **more,
    }


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "a.py").write_text("x = 1\n")
    (tmp_path / "repo" / "b.py").write_text("y = 1\n" * 1000)
    return tmp_path / "repo"


async def test_tasks_retries_and_tiers_share_one_prefix_that_the_trace_holds_once(
    repo: Path, tmp_path: Path
) -> None:
    made = from_mapping(config(project={"context": ["*.py"]}, trace={"path": "t.jsonl"}), folder=tmp_path)
    models = {"flash": ScriptedModel([WRONG] * 4), "pro": ScriptedModel([RIGHT] * 2)}
    async with Cascade.from_config(made, models=models) as cascade:
        for name in ("one", "two"):
            result = await cascade.run(Task(id=name, prompt=f"do {name}", workspace=str(repo)))
            assert result.status == "accepted", result.reason
    sent = [call.messages for model in models.values() for call in model.requests]
    assert len(sent) == 6
    system = {messages[0]["content"] for messages in sent}
    texts = [str(messages[1]["content"]) for messages in sent]
    shared = texts[0][: texts[0].index("do one")]
    assert len(system) == 1
    assert "y = 1\n" * 1000 in shared
    assert all(text.startswith(shared) for text in texts)

    events = read_trace(tmp_path / "t.jsonl").events
    (context,) = [event for event in events if isinstance(event, ContextShown)]
    assert list(context.files) == ["a.py", "b.py"]
    raw = (tmp_path / "t.jsonl").read_text()
    assert raw.count("y = 1\\ny = 1") == 500  # once: pairs of 1,000 lines
    kept = ContextTexts.of(events)
    for event in events:
        if isinstance(event, AttemptStarted):
            assert messages_sha256(kept.messages(event)) == event.messages_sha256
    recorded = load_recordings([tmp_path / "t.jsonl"])
    assert [tuple(one.messages) for one in recorded if one.model == "f"] == [
        call.messages for call in models["flash"].requests
    ]
