"""`cascade classify` and `cascade train`: from a log to a classifier to a route, and clear words for bad logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cascade.cli.main import main
from tests.classifiers.conftest import Simulated, simulate

CONFIG = """\
version: 1
tiers:
  flash: {{model: small, base_url: "https://example.invalid", api_key: "${{NO_SUCH_KEY}}", price: {price}}}
  pro: {{model: large, base_url: "https://example.invalid", api_key: "${{NO_SUCH_KEY}}", price: {price}}}
classifier: {{use: linear, artifact: {artifact}}}
policy: {{use: threshold, start: 0.6}}
"""
PRICE = "{input: 1, cached_input: 0.1, output: 2}"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    out, err = capsys.readouterr()
    assert isinstance(stop.value.code, int)
    return stop.value.code, out, err


def write_log(folder: Path, log: Simulated, *, escalated: bool = False) -> tuple[str, str]:
    rows = ["task_id,model,outcome,cost_usd"]
    for task, (flash, pro) in zip(log.tasks, log.outcomes, strict=True):
        rows.append(f"{task.id},flash,{flash:g},0.001")
        if not escalated or not flash:
            rows.append(f"{task.id},pro,{pro:g},0.01")
    (folder / "log.csv").write_text("\n".join(rows) + "\n")
    lines = [json.dumps({"task_id": t.id, "text": t.prompt, "kind": "x"}) for t in log.tasks]
    (folder / "tasks.jsonl").write_text("\n".join(lines) + "\n")
    return str(folder / "log.csv"), str(folder / "tasks.jsonl")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_log_becomes_a_classifier_that_routes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, tasks = write_log(folder, simulate(200))
    code, out, _ = run(capsys, "train", log, "--tasks", tasks, "-o", "c.json", "--no-letters", "--json")
    trained = json.loads(out)
    assert code == 0
    assert trained["tiers"]["flash"]["n_tasks"] == 200
    assert trained["figures"]["brier_held_out"] < trained["figures"]["brier_base_rates"]
    (folder / "c.yaml").write_text(CONFIG.format(artifact=folder / "c.json", price=PRICE))
    (folder / "new.jsonl").write_text(
        '{"id": "easy", "prompt": "print sum list sum list print sum"}\n'
        '{"id": "hard", "prompt": "modulo minimum spanning tree under modulo tree"}\n'
    )
    code, out, _ = run(capsys, "classify", "new.jsonl", "-c", "c.yaml", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["classifier"]["version"] == trained["version"]
    easy, hard = document["tasks"]
    assert {"id", "probabilities", "tier", "reason"} <= easy.keys()
    assert (easy["tier"], hard["tier"]) == ("flash", "pro")
    assert easy["probabilities"]["flash"] > hard["probabilities"]["flash"] + 0.2
    assert easy["estimates"]["flash"]["known"] is True
    code, out, _ = run(capsys, "classify", "new.jsonl", "-c", "c.yaml")
    assert "easy" in out
    assert "flash" in out


def test_a_classifier_trained_on_recordings_knows_their_models(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, tasks = write_log(folder, simulate(200))
    run(capsys, "train", log, "--tasks", tasks, "-o", "c.json", "--no-letters", "--json")
    (folder / "r.jsonl").write_text("")
    tiers = "".join(
        f"  {tier}: {{model: {tier}, provider: recorded, recording: r.jsonl, price: {PRICE}}}\n"
        for tier in ("flash", "pro")
    )
    (folder / "c.yaml").write_text(
        f"version: 1\ntiers:\n{tiers}classifier: {{use: linear, artifact: c.json}}\n"
    )
    code, out, _ = run(capsys, "classify", "print sum list sum list print sum", "-c", "c.yaml", "--json")
    assert code == 0
    assert all(one["known"] for one in json.loads(out)["tasks"][0]["estimates"].values())


def test_replay_takes_the_task_file_that_training_took(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, tasks = write_log(folder, simulate(200))
    run(capsys, "train", log, "--tasks", tasks, "-o", "c.json", "--no-letters", "--json")
    (folder / "c.yaml").write_text(CONFIG.format(artifact="c.json", price=PRICE))
    code, out, _ = run(capsys, "replay", log, "-c", "c.yaml", "--tasks", tasks, "--json")
    document = json.loads(out)
    assert code == 0
    assert "no prompts for the classifier" not in " ".join(document["support"]["notes"])
    _, out, _ = run(capsys, "replay", log, "-c", "c.yaml", "--json")
    assert "no prompts for the classifier" in " ".join(json.loads(out)["support"]["notes"])


def test_without_a_config_the_defaults_say_that_they_know_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "classify", "write a parser", "--json")
    row = json.loads(out)["tasks"][0]
    assert code == 0
    assert not any(one["known"] for one in row["estimates"].values())
    assert "knows nothing of" in row["reason"]


def test_a_broken_line_is_named_and_the_others_are_classified(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "t.jsonl").write_text('{"id": "a", "prompt": "p"}\n{broken\n{"id": "c", "prompt": "p"}\n')
    code, out, err = run(capsys, "classify", "t.jsonl", "--json")
    assert code == 1
    assert [row["id"] for row in json.loads(out)["tasks"]] == ["a", "c"]
    assert "t.jsonl:2" in err


def test_escalations_are_not_taken_for_first_attempts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = simulate(300)
    path, tasks = write_log(folder, log, escalated=True)
    _, out, _ = run(capsys, "train", path, "--tasks", tasks, "-o", "c.json", "--no-letters", "--json")
    document = json.loads(out)
    assert "tried only where flash failed" in document["notes"][0]
    truth, escalated = log.outcomes[:, 1].mean(), log.outcomes[log.outcomes[:, 0] == 0, 1].mean()
    assert abs(document["tiers"]["pro"]["base_rate"] - truth) < 0.4 * abs(escalated - truth) + 0.1


def test_drift_is_seen_and_its_absence_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = simulate(300)
    path, tasks = write_log(folder, log)
    run(capsys, "train", path, "--tasks", tasks, "-o", "c.json", "--no-letters")
    code, out, _ = run(capsys, "train", path, "--tasks", tasks, "--check", "c.json", "--json")
    assert (code, json.loads(out)["drift"]) == (0, False)
    path, _ = write_log(folder, Simulated(log.tasks, log.truth, log.outcomes * 0))
    code, out, _ = run(capsys, "train", path, "--tasks", tasks, "--check", "c.json")
    assert code == 1
    assert "DRIFT: flash: passes 0%" in out


def test_a_judge_of_answers_is_trained_from_answers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = simulate(200)
    path, tasks = write_log(folder, log)
    lines = [
        json.dumps({"task_id": t.id, "model": "flash", "response": f"2 + 2 = {4 if right else 5}"})
        for t, right in zip(log.tasks, log.outcomes[:, 0], strict=True)
    ]
    (folder / "said.jsonl").write_text("\n".join(lines))
    words = ("train", path, "--tasks", tasks, "--judge", "flash", "--answers", "said.jsonl", "-o", "j.json")
    code, out, _ = run(capsys, *words, "--json")
    assert code == 0
    assert json.loads(out)["figures"]["calibration_error:flash"] < 0.1
    assert json.loads((folder / "j.json").read_text())["kind"] == "cascade.classifier.answer"
    code, _, err = run(capsys, *words[:-4], "--answers", tasks, "-o", "j.json")
    assert (code, "no first answer of 'flash'" in err) == (2, True)


def test_declared_metadata_is_learned_from_when_it_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, tasks = write_log(folder, simulate(60))
    words = ("train", path, "--tasks", tasks, "-o", "c.json", "--no-letters", "--metadata")
    assert run(capsys, *words, "kind")[0] == 0
    code, _, err = run(capsys, *words, "colour")
    assert (code, "'colour'" in err, "kind" in err) == (2, True, True)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "needs the column"),
        ("task_id,model,outcome\n", "no rows"),
        ("task_id,model,outcome\na,m,1\nb,m,0\nc,m,1\n", "3 tasks with an outcome"),
        ("task_id,model,outcome\na,m,2\n", "outside 0 to 1"),
        ("task_id,model,outcome\na,m,\n", "outcome"),
        ("task_id,model,outcome\na,m,1\na,m,1\n", "are all a by m"),
        ("task_id,model,outcome,cost_usd\na,m,1,-3\n", "cost_usd"),
        ("task_id,model,outcome\na,m\n", "torn"),
        ('{"id": "a", "status": "accepted"}\n', "no trace"),
        ('{"event": "run.started", "schema": 99}\n{"event": "x"}\n', "schema 99"),
    ],
)
def test_a_bad_log_gets_a_clear_answer(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, what: str
) -> None:
    (folder / "log").write_text(text)
    code, out, err = run(capsys, "train", "log", "-o", "c.json")
    assert code in (2, 3)
    assert what in err
    assert "Traceback" not in err + out
    assert not (folder / "c.json").exists()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "give -o"),
        (("-o", "c.json", "--check", "c.json"), "give -o"),
        (("-o", "c.json", "--tiers", "huge"), "no outcome of huge"),
        (("-o", "c.json", "--judge", "huge"), "no outcome of 'huge'"),
        (("-o", "c.json", "--tasks", "none.jsonl"), "none.jsonl"),
        (("-o", "c.json", "--tasks", "other.jsonl"), "has none of the log's tasks"),
        (("-o", "c.json", "--tasks", "odd.jsonl"), "odd.jsonl:1"),
    ],
)
def test_usage_that_cannot_be_meant_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], what: str
) -> None:
    path, _ = write_log(folder, simulate(20))
    (folder / "other.jsonl").write_text('{"id": "else", "prompt": "p"}\n')
    (folder / "odd.jsonl").write_text('{"id": 7}\n')
    code, _, err = run(capsys, "train", path, *words)
    assert code == 2
    assert what in err


def test_a_log_where_all_passed_is_learned_as_that(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = simulate(40)
    path, tasks = write_log(folder, Simulated(log.tasks, log.truth, log.outcomes * 0 + 1))
    code, out, _ = run(capsys, "train", path, "--tasks", tasks, "-o", "c.json", "--tiers", "pro", "--json")
    document: dict[str, Any] = json.loads(out)
    assert (code, document["tiers"]["pro"]["base_rate"]) == (0, 1.0)
