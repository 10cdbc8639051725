"""Declared graphs: what is wrong is found before it runs, and what is found right runs to an end."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.config import Config, Plugins, default_graph, expand, from_mapping, to_yaml
from cascade.config.base import Surroundings
from cascade.config.graph import ACCEPT, ENDS, NODE_KINDS, GraphConfig
from cascade.config.graph_check import check_graph
from cascade.errors import ConfigError
from tests.config.conftest import MINIMAL, Problems, Write, loaded

GRAPH = """\
validators: [ruff, {use: pytest, name: tests}]
graph:
  start: kind
  nodes:
    kind: {kind: switch, metadata: language, cases: [python, sql]}
    route: {kind: classify}
    write: {kind: generate}
    strong: {kind: generate, tier: pro, max_visits: 2, max_usd: 0.05}
    read: {kind: extract}
    lint: {kind: validate, validators: [ruff]}
    test: {kind: validate, validators: [tests]}
    next: {kind: decide}
    person: {kind: human, ask: "Is it good?"}
    race: {kind: parallel, tiers: [flash, pro]}
    mine: {kind: call, function: "my.module:look", results: [good, bad], uses: [candidate]}
  edges:
    kind: {python: route, sql: race, "*": strong}
    route: {routed: write, stop: END}
    write: {answered: read, failed: next, exhausted: END}
    strong: {answered: person, failed: strong, exhausted: STOP, limit: STOP}
    read: {extracted: lint, nothing: next}
    lint: {passed: test, "*": next}
    test: next
    next: {accept: END, retry: write, escalate: write, stop: END}
    person: {approve: ACCEPT, reject: strong}
    race: {passed: mine, "*": STOP}
    mine: {good: ACCEPT, bad: STOP}
"""
FAULTS = [
    ("test: next", "test: nxt", "graph.edges.test.*: there is no node nxt; did you mean next?"),
    ("start: kind", "start: knd", "graph.start: there is no node knd; did you mean kind?"),
    (", limit: STOP", "", "graph.edges.strong: no edge for the outcome limit; add `limit: NODE`"),
    (
        ", max_visits: 2",
        "",
        "graph.edges.strong.limit: strong has no outcome limit; give the node `max_visits`",
    ),
    ("tier: pro", "tier: prp", "graph.nodes.strong.tier: there is no tier prp; did you mean pro?"),
    ("[flash, pro]", "[flash, prp]", "graph.nodes.race.tiers[1]: there is no tier prp; did you mean pro?"),
    ("[flash, pro]", "[flash]", "graph.nodes.race.tiers: needs at least 2, and has 1"),
    (
        "[tests]",
        "[pytest]",
        "graph.nodes.test.validators[0]: there is no validator pytest; did you mean tests?",
    ),
    ("kind: human", "kind: humn", "graph.nodes.person.kind: 'humn' is no kind; did you mean human?"),
    ("kind: extract", "knd: extract", "graph.nodes.read.kind: is missing"),
    ("{kind: extract}", "5", "graph.nodes.read: must be a mapping, and is a number (5)"),
    ("accept: END", "acept: END", "graph.edges.next: no edge for the outcome accept"),
    (
        "{python: route",
        "{pyton: route",
        "graph.edges.kind.pyton: kind has no outcome pyton; did you mean python?",
    ),
    ("mine: {good", "mne: {good", "graph.nodes.mine: no edge for the outcomes good, bad"),
    (
        'look", results',
        'look", result',
        "graph.nodes.mine.result: is not a known key here; did you mean results?",
    ),
    (
        '"my.module:look"',
        '"my.module"',
        "graph.nodes.mine.function: 'my.module' has a form that cannot stand here",
    ),
    (
        "uses: [candidate]",
        "uses: [file]",
        "graph.nodes.mine.uses[0]: must be tier, answer, candidate or verdict",
    ),
    ("max_visits: 2", "max_visits: 0", "graph.nodes.strong.max_visits: must be at least 1, and is 0"),
    # the whole
    ("sql: race, ", "", "graph.nodes.race: cannot be reached from kind"),
    ("approve: ACCEPT, reject: strong", '"*": person', "graph.nodes.person: is a dead end"),
    ("reject: strong", "reject: person", "graph.nodes.person: a loop without a bound: person > person"),
    (
        "next: {kind: decide}",
        'next: {kind: decide, policy: "m:P"}',
        "graph.nodes.write: a loop without a bound: write > read > lint > test > next > write has no policy",
    ),
    (
        "retry: write",
        "retry: lint",
        "graph.nodes.lint: a loop without a bound: lint > test > next > lint",
    ),
    # nodes that do not meet
    (
        "routed: write",
        "routed: read",
        "graph.nodes.read: needs an answer that was not read yet, and on the way kind > route > read there is none",
    ),
    (
        "python: route",
        "python: test",
        "graph.nodes.test: needs extracted files, and on the way kind > test there",
    ),
    (
        "python: route",
        "python: write",
        "graph.nodes.write: needs a tier that was decided, and on the way kind",
    ),
    (
        "exhausted: STOP",
        "exhausted: ACCEPT",
        "graph.edges.strong.exhausted: on the way kind > strong there",
    ),
]


def changed(before: str, after: str) -> str:
    text = MINIMAL + GRAPH.replace(before, after, 1)
    assert text != MINIMAL + GRAPH
    return text


@pytest.mark.parametrize(("before", "after", "said"), FAULTS)
def test_a_fault_is_found_at_its_place(before: str, after: str, said: str, problems: Problems) -> None:
    found = problems(changed(before, after))
    assert any(line.split(": ", 1)[1].startswith(said) for line in found), found
    key = (
        said.split(": ", maxsplit=1)[0].split(".")[2].split("[", maxsplit=1)[0]
        if said.count(".") > 1
        else "start"
    )
    for line in found:
        if said in line:
            row = int(line.split(":")[1])
            assert key in changed(before, after).splitlines()[row - 1]


def test_the_graph_is_right_and_expands_to_itself(write: Write) -> None:
    config = loaded(write(MINIMAL + GRAPH))
    assert expand(config) is config
    assert config.graph is not None
    assert config.graph.targets("lint") == {"passed": "test", "failed": "next", "unchecked": "next"}
    assert {node.kind for node in config.graph.nodes.values()} == set(NODE_KINDS) - {"subgraph"}


@pytest.mark.parametrize("text", [MINIMAL, MINIMAL + GRAPH])
def test_an_expansion_written_as_yaml_is_the_same_config(text: str, write: Write) -> None:
    config = loaded(write(text))
    again = loaded(write(to_yaml(expand(config)), "expanded.yaml"))
    assert again.graph == expand(config).graph
    assert again.public_dump() == config.public_dump()
    assert again.sha256 == config.sha256


def test_a_key_that_is_no_variable_is_not_written(write: Write) -> None:
    key = "sk-planted-123456"
    config = loaded(write(MINIMAL.replace("  pro:", f"    api_key: {key}\n  pro:")))
    assert key not in to_yaml(expand(config))
    assert "# tiers.flash.api_key was no variable and is left out" in to_yaml(expand(config))


def test_texts_that_look_like_something_else_stay_texts(write: Write) -> None:
    for odd in [
        "1e3",
        "no",
        "012",
        "true",
        "null",
        "~",
        "1:30",
        "0x1F",
        "2024-01-01",
        "<<",
        "=",
        "a: b",
        "#x",
        ".5",
    ]:
        config = loaded(write(MINIMAL.replace("deepseek-flash", f"'{odd}'")))
        assert loaded(write(to_yaml(config), "again.yaml")).tiers["flash"].model == odd


def test_a_subgraph_is_checked_with_its_own_places(write: Write, problems: Problems) -> None:
    outer = MINIMAL + (
        "graph:\n  start: a\n  nodes: {a: {kind: subgraph, config: inner.yaml}}\n"
        "  edges: {a: {accepted: ACCEPT, '*': STOP}}\n"
    )
    (found,) = problems(outer)
    assert found.startswith("cascade.yaml:11:39: graph.nodes.a.config: the config it names is wrong: ")
    write(MINIMAL, "inner.yaml")
    assert problems(outer) == []
    write(MINIMAL + "shw_tests: 1\nsandbox: 1\n", "inner.yaml")
    (found,) = problems(outer)
    assert "inner.yaml:9:1: shw_tests: is not a known key here; did you mean show_tests? (and 1 more" in found
    write(outer.replace("inner.yaml", "cascade.yaml"), "inner.yaml")
    (found,) = problems(outer)
    assert "a config may not contain itself: cascade.yaml > inner.yaml > cascade.yaml" in found


def graph_of(data: dict[str, Any]) -> GraphConfig | None:
    """The graph, if check finds nothing wrong with it."""
    try:
        config = from_mapping(data, plugins=Plugins())
    except ConfigError:
        return None
    assert isinstance(config, Config)
    return config.graph


def rewired(seed: int) -> dict[str, Any]:
    """The sample graph with some edges led elsewhere, nodes bounded or freed."""
    chance = random.Random(seed)
    data: dict[str, Any] = yaml.safe_load(MINIMAL + GRAPH)
    graph = data["graph"]
    targets = [*graph["nodes"], *ENDS]
    for _ in range(chance.choice([0, 1, 1, 2, 3])):
        name = chance.choice(list(graph["nodes"]))
        if chance.random() < 0.2:
            node = graph["nodes"][name]
            if node.pop("max_visits", None) is None:
                node["max_visits"] = chance.randint(1, 3)
                spread = graph["edges"][name]
                graph["edges"][name] = (
                    {"*": spread} if isinstance(spread, str) else {**spread, "limit": "STOP"}
                )
            continue
        edges = graph["edges"][name]
        if isinstance(edges, str):
            graph["edges"][name] = chance.choice(targets)
        else:
            edges[chance.choice(list(edges))] = chance.choice(targets)
    for name in set(graph["nodes"]) - _reachable(graph):
        del graph["nodes"][name], graph["edges"][name]
    return data


def _reachable(graph: dict[str, Any]) -> set[str]:
    found, waiting = {graph["start"]}, [graph["start"]]
    while waiting:
        edges = graph["edges"][waiting.pop()]
        for target in [edges] if isinstance(edges, str) else edges.values():
            if target not in ENDS and target not in found:
                found.add(target)
                waiting.append(target)
    return found


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 10**6), walk=st.integers(0, 10**6))
def test_a_graph_that_check_accepts_ends_on_every_way_with_all_that_its_nodes_need(
    seed: int, walk: int
) -> None:
    """Whatever the outcomes are: a policy that allows eight attempts, and the visits that are allowed, bound it."""
    graph = graph_of(rewired(seed))
    if graph is None:
        return
    chance = random.Random(walk)
    name, facts, visits, attempts, steps = graph.start, frozenset[Any](), dict[str, int](), 0, 0
    while name not in ENDS:
        node = graph.nodes[name]
        assert node.needed <= facts, (name, facts)
        visits[name] = visits.get(name, 0) + 1
        outcome = chance.choice(node.own_outcomes)
        if node.max_visits is not None and visits[name] > node.max_visits:
            outcome = "limit"
        elif type(node).__name__ in {"GenerateNode", "ParallelNode"}:
            attempts += 1
        elif type(node).__name__ == "DecideNode" and attempts >= 8:
            outcome = chance.choice(["accept", "stop"])
        target = graph.targets(name)[outcome]
        facts = node.leaves(outcome, facts)
        assert target != ACCEPT or facts & {"candidate", "answer"}
        name = target
        steps += 1
        assert steps < 500, "a loop without an end"


def test_rewiring_gives_graphs_of_both_kinds() -> None:
    right = sum(graph_of(rewired(seed)) is not None for seed in range(200))
    assert 20 < right < 180


def test_the_default_graph_has_no_fault() -> None:
    data = {"tiers": {"a": {}, "b": {}}, "graph": default_graph().model_dump(exclude_none=True)}
    assert check_graph(data, Surroundings()) == []


def test_a_chain_of_many_nodes_is_no_trouble() -> None:
    nodes = {f"n{number}": {"kind": "human", "ask": "?", "choices": ["go"]} for number in range(200)}
    edges = {f"n{number}": f"n{number + 1}" for number in range(199)} | {"n199": "STOP"}
    data = {"tiers": {}, "graph": {"start": "n0", "nodes": nodes, "edges": edges}}
    assert check_graph(copy.deepcopy(data), Surroundings()) == []
