"""`cascade run`, with the real client over real HTTP: sums, wire, bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from cascade.testing import ScriptedServer
from tests.cli.conftest import ESCALATED, KEY, RETRIED, TASKS, Command

Config = Callable[..., Path]


def events(trace: Path, *kinds: str) -> list[dict[str, object]]:
    return [event for line in trace.read_text().splitlines() if (event := json.loads(line))["event"] in kinds]


async def test_the_trace_sums_up_to_the_table_the_report_and_the_servers_own_count(
    command: Command, here: Command, server: ScriptedServer, config: Config, few: Config, tmp_path: Path
) -> None:
    trace, results, tasks = tmp_path / "t.jsonl", tmp_path / "r.jsonl", few()
    ended = await command("run", tasks, "-c", config(), "--trace", trace, "-o", results, "--json")
    assert ended.code == 1, ended.err  # some tasks are beyond both models
    shown = ended.document
    attempts = events(trace, "attempt.finished", "attempt.failed")
    assert sum(Decimal(str(event["cost_usd"])) for event in attempts) == Decimal(shown["cost_usd"])
    assert len(attempts) == sum(tier["attempts"] for tier in shown["by_tier"].values()) == len(server.log)
    (total,) = events(trace, "run.finished")
    assert Decimal(str(total["cost_usd"])) == Decimal(shown["cost_usd"])
    assert shown["tokens"]["input"] == server.billed.input
    assert shown["tokens"]["output"] == server.billed.output
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert sum(Decimal(line["cost_usd"]) for line in lines) == Decimal(shown["cost_usd"])
    assert {line["id"] for line in lines} == {json.loads(row)["id"] for row in tasks.read_text().splitlines()}
    assert shown["accepted"] == sum(line["status"] == "accepted" for line in lines) > 0
    assert KEY not in trace.read_text() + results.read_text() + ended.out + ended.err
    report = await here("report", trace, "--json")
    assert report.code == 0
    for name in ("cost_usd", "tokens", "by_tier", "accepted", "tasks"):
        assert report.document[name] == shown[name]
    assert "validator" in (await here("report", trace)).out


async def test_a_failed_attempts_diagnostics_are_in_the_retrys_messages_on_the_wire(
    command: Command, server: ScriptedServer, config: Config, few: Config, tmp_path: Path
) -> None:
    trace = tmp_path / "t.jsonl"
    await command("run", few(RETRIED), "-c", config(), "--trace", trace, "--concurrency", "1")
    task = next(event["task_id"] for event in events(trace, "policy.decided") if event["action"] == "retry")
    (failed, *_) = [event for event in events(trace, "validation.finished") if event["task_id"] == task]
    prompts = [event["messages"] for event in events(trace, "attempt.started") if event["task_id"] == task]
    retry = next(call for call in server.log if call.messages == prompts[1])
    found = next(
        one
        for report in failed["validators"]  # type: ignore[attr-defined]
        for one in report["diagnostics"]
        if one["severity"] == "error"
    )
    assert found["message"].splitlines()[0][:40] in retry.messages[-1]["content"]


async def test_full_history_keeps_the_former_request_as_a_prefix_on_the_wire(
    command: Command, server: ScriptedServer, config: Config, few: Config, tmp_path: Path
) -> None:
    trace = tmp_path / "t.jsonl"
    await command(
        "run", few(RETRIED, ESCALATED), "-c", config(history="full"), "--trace", trace, "--concurrency", "1"
    )
    pairs = [
        (one, two) for one, two in zip(server.log, server.log[1:], strict=False) if len(two.messages) == 4
    ]
    assert pairs
    for first, second in pairs:
        former, following = orjson.dumps(first.messages)[:-1], orjson.dumps(second.messages)[:-1]
        assert former in first.body
        assert following in second.body
        assert following.startswith(former)


async def test_a_single_prompt_prints_the_answer_alone_on_stdout(
    command: Command, config: Config, tmp_path: Path
) -> None:
    prompt = json.loads(TASKS.read_text().splitlines()[0])["prompt"]
    ended = await command("run", prompt, "-c", config())
    assert ended.code == 0, ended.err
    assert ended.out.startswith("```python")
    assert "flash" not in ended.out
    assert "accepted" in ended.err


async def test_a_broken_line_is_named_and_the_others_run(
    command: Command, config: Config, tmp_path: Path
) -> None:
    good = TASKS.read_text().splitlines()
    tasks, results = tmp_path / "tasks.jsonl", tmp_path / "r.jsonl"
    tasks.write_text("\n".join([good[0], '{"prompt": ', good[0], good[1]]) + "\n")
    ended = await command("run", tasks, "-c", config(), "-o", results)
    assert ended.code == 1
    assert "tasks.jsonl:2:" in ended.err
    assert "tasks.jsonl:3:" in ended.err  # the duplicate
    statuses = [json.loads(line)["status"] for line in results.read_text().splitlines()]
    assert sorted(statuses) == ["accepted", "accepted", "error", "error"]
    assert "Traceback" not in ended.err


async def test_an_endpoint_that_is_down_fails_the_tasks_with_one_clear_line(
    command: Command, config: Config, tmp_path: Path
) -> None:
    results = tmp_path / "r.jsonl"
    ended = await command("run", TASKS, "-c", config(url="http://127.0.0.1:9/v1"), "-o", results)
    assert ended.code == 3
    assert "model.unreachable" in ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err
    assert all(json.loads(line)["status"] == "error" for line in results.read_text().splitlines())


async def test_resume_calls_nothing_twice(
    command: Command, server: ScriptedServer, config: Config, tmp_path: Path
) -> None:
    part, whole, results = tmp_path / "part.jsonl", tmp_path / "tasks.jsonl", tmp_path / "r.jsonl"
    lines = TASKS.read_text().splitlines()[:3]
    part.write_text("\n".join(lines[:1]) + "\n")
    whole.write_text("\n".join(lines) + "\n")
    await command("run", part, "-c", config(), "-o", results)
    before = len(server.log)
    ended = await command("run", whole, "-c", config(), "-o", results, "--resume", "--json")
    ids = [json.loads(line)["id"] for line in results.read_text().splitlines()]
    assert sorted(ids) == sorted(json.loads(line)["id"] for line in lines)
    assert ended.document["tasks"] == 2
    prompts = [json.loads(line)["prompt"] for line in lines[:1]]
    assert not any(prompt in str(call.messages) for call in server.log[before:] for prompt in prompts)


async def test_bad_usage_is_one_clear_error_with_exit_2(
    here: Command, config: Config, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(config().read_text().replace("classifier", "clasifier"))
    unknown = tmp_path / "unknown.yaml"
    unknown.write_text(config().read_text().replace("[syntax, ruff, pytest]", "[ruf]"))
    unpriced = tmp_path / "unpriced.yaml"
    unpriced.write_text(
        config().read_text().replace("price: {input: 0.15, cached_input: 0.003, output: 0.60}", "")
    )
    cases: list[tuple[list[object], str]] = [
        (["run", "nowhere.jsonl"], "nowhere.jsonl"),
        (["run", TASKS, "-c", "nowhere.yaml"], "nowhere.yaml"),
        (["run", TASKS, "-c", broken], "broken.yaml:"),
        (["run", TASKS, "-c", unknown], "ruf"),
        (["run", TASKS, "-c", unpriced], "price"),
        (["run", TASKS, "-c", config(), "--budget", "none"], "--budget"),
        (["run", TASKS, "-c", config(), "--resume"], "-o"),
        (["rnu", TASKS], "run"),
    ]
    for words, told in cases:
        ended = await here(*words)
        assert ended.code == 2, (words, ended)
        assert told in ended.err, (words, ended.err)
        assert "Traceback" not in ended.err


async def test_a_missing_key_is_named(here: Command, config: Config) -> None:
    text = config().read_text().replace("CASCADE_TEST_KEY", "NO_SUCH_KEY_HERE")
    config().write_text(text)
    path = config()
    path.write_text(text)
    ended = await here("run", TASKS, "-c", path)
    assert ended.code == 2
    assert "NO_SUCH_KEY_HERE" in ended.err


@pytest.mark.parametrize(("held", "said"), [("", "empty"), ('{"prompt": "Grüße"}', "UTF-8")])
async def test_a_file_that_holds_no_task_is_bad_usage(
    command: Command, config: Config, tmp_path: Path, held: str, said: str
) -> None:
    (tmp_path / "tasks.jsonl").write_bytes(held.encode("latin-1"))
    ended = await command("run", "tasks.jsonl", "-c", config())
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err


async def test_without_a_config_or_a_key_the_way_out_is_told(
    here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "")
    ended = await here("run", "Write f.")
    assert ended.code == 2
    for told in ("DEEPSEEK_API_KEY", "cascade init", "cascade demo"):
        assert told in ended.err


@pytest.mark.parametrize("gone", ["trace", "results"])
async def test_a_file_that_is_removed_while_it_is_written_is_reported_and_nothing_else_is_lost(
    command: Command, config: Config, tmp_path: Path, gone: str
) -> None:
    places = {"trace": tmp_path / "t.jsonl", "results": tmp_path / "r.jsonl"}

    def answer(_: object) -> str:
        places[gone].unlink(missing_ok=True)
        return "```python\ndef add(a, b):\n    return a + b\n```"

    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text(json.dumps({"id": "t", "prompt": "Write add(a, b).", "target": "add.py"}) + "\n")
    async with ScriptedServer(answer) as serving:
        words = [
            "run",
            tasks,
            "-c",
            config(url=serving.base_url),
            "--trace",
            places["trace"],
            "-o",
            places["results"],
        ]
        ended = await command(*words)
    assert ended.code == 3
    assert f"{places[gone]} was removed or replaced while it was being written" in ended.err
    assert "1 accepted" in ended.out
    kept = places["results" if gone == "trace" else "trace"]
    assert '"accepted"' in kept.read_text()
