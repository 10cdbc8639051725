"""Recorded and scripted models, the server that serves a recording, token estimates, prefixes to warm."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import InputError, ModelError
from cascade.models.base import Meter, ModelRequest
from cascade.models.early import EarlyStop
from cascade.models.openai import OpenAIModel
from cascade.models.recorded import RecordedModel
from cascade.models.scripted import Reply, ScriptedModel
from cascade.models.spec import EndpointSpec, Secret
from cascade.models.tokens import estimate_input
from cascade.models.warm import shared_prefix, warm, worth_usd
from cascade.testing import ScriptedServer
from cascade.tokens import estimate_tokens
from cascade.types import JsonObject, Usage
from tests.models.support import ANSWER, KEY, request, spec

SYSTEM: JsonObject = {"role": "system", "content": "be careful"}


def line(
    task: str, model: str, attempt: int = 1, after: str | None = None, history: str = "none"
) -> dict[str, Any]:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": f"solve {task}"}]
    if history == "diagnostics":
        messages[-1]["content"] += "\n\nAn earlier answer failed"
    if history == "full":
        messages += [{"role": "assistant", "content": "wrong"}, {"role": "user", "content": "mend it"}]
    return {
        "task_id": task,
        "model": model,
        "attempt": attempt,
        "after": after,
        "history": history,
        "messages": messages,
        "completion": f"{model} {attempt} after {after} {history}",
        "usage": {"prompt_tokens": 100, "completion_tokens": 40, "cached_tokens": 60},
        "latency_s": 3.5,
        "finish_reason": "stop",
        "passed": True,
    }


LINES = [
    line("t/1", "flash"),
    line("t/10", "flash"),
    line("t/1", "pro"),
    line("t/1", "flash", 2, "flash", "diagnostics"),
    line("t/1", "pro", 1, "flash", "diagnostics"),
    line("t/1", "pro", 1, "flash", "full"),
    line("t/1", "pro", 2, "pro", "full"),
]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "r.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, LINES)).encode()))
    return path


def asked(task: str, attempt: int = 1, after: str | None = None, history: Any = "none") -> ModelRequest:
    return ModelRequest(
        messages=(), task_id=task, tier="x", tier_attempt=attempt, after=after, history=history, meter=Meter()
    )


async def test_an_answer_is_found_by_task_model_attempt_predecessor_and_history(recording: Path) -> None:
    pro = RecordedModel(recording, model="pro", endpoint="pro@recorded")
    answer = await pro.generate(asked("t/1", 1, "flash", "full"))
    assert answer.text == "pro 1 after flash full"
    assert answer.usage == Usage(input=100, cached_input=60, output=40)
    assert (answer.latency_s, answer.endpoint, answer.charges[0].model) == (3.5, "pro@recorded", "pro")


async def test_the_charge_is_booked(recording: Path) -> None:
    request = asked("t/1")
    answer = await RecordedModel(recording, model="flash").generate(request)
    assert request.meter is not None
    assert tuple(request.meter.charges) == answer.charges


async def test_a_miss_names_what_there_is(recording: Path) -> None:
    with pytest.raises(ModelError) as caught:
        await RecordedModel(recording, model="flash").generate(asked("t/1", 3))
    assert caught.value.code == "model.not_recorded"
    assert "flash attempt 3 (history none)" in caught.value.message
    assert "pro attempt 1 (after flash with history full)" in caught.value.message
    with pytest.raises(ModelError, match="nothing at all"):
        await RecordedModel(recording, model="flash").generate(asked("t/99"))


@pytest.mark.parametrize("bad", ['{"task_id": "a"}', "not json", '{"task_id": "a", "model": 3}'])
def test_a_broken_line_is_named(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(LINES[0]) + "\n" + bad + "\n")
    with pytest.raises(InputError, match=r"r\.jsonl:2: "):
        RecordedModel(path, model="flash")


def test_no_file_and_an_empty_one_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        RecordedModel(tmp_path / "none", model="flash")
    (tmp_path / "empty").write_text("")
    with pytest.raises(InputError, match="is empty"):
        RecordedModel(tmp_path / "empty", model="flash")


async def test_a_recorded_answer_can_be_cut(recording: Path) -> None:
    model = ScriptedModel(ANSWER)
    whole = await model.generate(request())
    cut = await model.generate(request(), observe=EarlyStop())
    assert (cut.finish_reason, cut.usage.estimated) == ("cut", True)
    assert cut.usage.output < whole.usage.output
    assert cut.charges[0].billing == "estimated"


async def test_a_script_answers_in_turn_by_task_or_by_the_request() -> None:
    turns = ScriptedModel(["a", Reply(text="b"), ModelError("down", code="model.server")])
    assert [(await turns.generate(request())).text for _ in range(2)] == ["a", "b"]
    with pytest.raises(ModelError, match="down"):
        await turns.generate(request())
    by_task = ScriptedModel({"t": ["x", "y"]})
    assert [(await by_task.generate(request())).text for _ in range(3)] == ["x", "y", "y"]
    echo = ScriptedModel(lambda each: each.task_id)
    assert (await echo.generate(request())).text == "t"
    assert len(turns.requests) == 3


def chat(*texts: str) -> tuple[JsonObject, ...]:
    roles = ("system", "user", "assistant", "user")
    return tuple({"role": role, "content": text} for role, text in zip(roles, texts, strict=False))


CHATS = [
    (("flash", chat("other system", "Now solve t/1")), "flash 1 after None none"),
    (
        ("flash", chat("other system", "Now solve t/1\n\nAn earlier answer failed: E1")),
        "flash 2 after flash diagnostics",
    ),
    (
        ("pro", chat("other system", "Now solve t/1\n\nAn earlier answer failed: E2")),
        "pro 1 after flash diagnostics",
    ),
    (("pro", chat("other system", "Now solve t/1", "wrong", "mend it")), "pro 2 after pro full"),
]


async def test_a_recording_is_served_over_http_by_its_messages(recording: Path) -> None:
    async with ScriptedServer.from_recording(recording, models={"deepseek-flash": "flash"}) as server:
        for (name, messages), expected in CHATS:
            model = "deepseek-flash" if name == "flash" else name
            tier = OpenAIModel(spec(server, model=model))
            for _ in range(2):  # asked again, for example after a fault: the same answer
                answer = await tier.generate(ModelRequest(messages=messages, task_id="t", tier=name))
                assert answer.text == expected
            await tier.aclose()
        assert answer.usage == Usage(input=100, cached_input=60, output=40)


async def test_of_two_tasks_the_longer_prompt_that_fits_is_meant(recording: Path) -> None:
    async with ScriptedServer.from_recording(recording) as server:
        tier = OpenAIModel(spec(server, model="flash"))
        await tier.generate(ModelRequest(messages=chat("s", "solve t/10"), task_id="t", tier="flash"))
        with pytest.raises(ModelError, match="no recorded task"):
            await tier.generate(ModelRequest(messages=chat("s", "something else"), task_id="t", tier="flash"))
        await tier.aclose()


@given(st.text(max_size=500))
def test_an_estimate_is_never_nothing_and_grows_with_the_text(text: str) -> None:
    assert (estimate_tokens(text) > 0) == bool(text)
    assert estimate_tokens(text + "more") > estimate_tokens(text)
    assert estimate_tokens(text) <= len(text)


def test_a_request_is_counted_with_its_tools_and_parts() -> None:
    parts: JsonObject = {"role": "user", "content": [{"type": "text", "text": "abc" * 30}]}
    assert estimate_input([parts]) >= 30
    tool: JsonObject = {"type": "function", "function": {"name": "add", "description": "x" * 300}}
    assert estimate_input([parts], [tool]) >= estimate_input([parts]) + 100


async def test_what_all_tasks_share_is_found_and_warmed_once() -> None:
    files = "def helper(): ...\n" * 400
    requests = [(SYSTEM, {"role": "user", "content": f"{files}Task {n}: do it"}) for n in range(5)]
    shared = shared_prefix(requests)
    assert shared.worth_warming
    assert shared.messages == (SYSTEM, {"role": "user", "content": files + "Task "})
    async with ScriptedServer(Reply(text="", finish_reason="length")) as server:
        tier, meter = OpenAIModel(spec(server)), Meter()
        assert await warm(tier, "flash", shared, meter=meter) is None
        await tier.aclose()
        (call,) = server.log
    assert call.document["max_tokens"] == 1
    assert call.document["messages"] == list(shared.messages)
    assert meter.usage.input > 1000


async def test_a_short_prefix_is_not_worth_a_call() -> None:
    model = ScriptedModel("x")
    shared = shared_prefix(
        [(SYSTEM, {"role": "user", "content": "a"}), (SYSTEM, {"role": "user", "content": "b"})]
    )
    assert shared.messages == (SYSTEM,)
    assert await warm(model, "flash", shared) is None
    assert model.requests == []
    assert shared_prefix([]).messages == ()


def test_warming_pays_from_the_second_request_on() -> None:
    shared = shared_prefix([({"role": "user", "content": "x" * 30_000},)] * 2)
    assert worth_usd(shared, 1, fresh_usd=0.15, cached_usd=0.003) < 0
    assert worth_usd(shared, 2, fresh_usd=0.15, cached_usd=0.003) > 0


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(KEY)
    known = EndpointSpec(name="a", model="m", base_url="http://x", api_key=secret, headers={"x-key": KEY})
    shown = f"{secret} {secret!r} {secret:>30} {known} {known!r} {vars(type(secret))} {[secret]}"
    assert KEY not in shown
    assert secret.reveal() == KEY
    assert Secret(secret) == secret
    assert not Secret()
    with pytest.raises(TypeError):
        __import__("pickle").dumps(known)
