"""What is wrong with a graph before it runs: names, edges, dead ends, endless loops, nodes that do not meet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from cascade.config.base import Surroundings
from cascade.config.document import Place, Problem, suggestion
from cascade.config.graph import (
    ACCEPT,
    ANY,
    ENDS,
    LIMIT,
    DecideNode,
    Fact,
    Facts,
    GenerateNode,
    GraphConfig,
    Node,
    ParallelNode,
    SubgraphNode,
    ValidateNode,
)
from cascade.config.parts import PluginConfig
from cascade.config.plugins import BUILT_IN

FACTS: dict[Fact, str] = {
    "tier": "a tier that was decided",
    "answer": "an answer that was not read yet",
    "candidate": "extracted files",
    "verdict": "an attempt that was judged",
}
Check = Callable[["_Graph"], Iterator[Problem]]


def check_graph(data: Mapping[str, Any], surroundings: Surroundings) -> list[Problem]:
    """Every mistake of `data["graph"]` that its shape alone does not show; [] if its shape is wrong."""
    try:
        graph = GraphConfig.model_validate(data.get("graph"), context=surroundings)
    except ValidationError:
        return []
    found = _Graph(graph, data)
    problems = [problem for check in _NAMES for problem in check(found)]
    # What hangs together is judged only where every edge leads somewhere.
    return problems or [problem for check in _WHOLE for problem in check(found)]


@dataclass(frozen=True, slots=True)
class _Graph:
    config: GraphConfig
    data: Mapping[str, Any]

    @property
    def nodes(self) -> Mapping[str, Node]:
        return self.config.nodes

    @property
    def tiers(self) -> list[str]:
        tiers = self.data.get("tiers")
        return list(tiers) if isinstance(tiers, dict) else []

    @property
    def validators(self) -> list[str]:
        """Names of the config's validators, by which nodes call them."""
        listed = self.data.get("validators", ["syntax", "ruff", "mypy", "pytest"])
        mappings = [
            {"use": one} if isinstance(one, str) else one
            for one in (listed if isinstance(listed, list) else [])
        ]
        return [str(one.get("name", one.get("use"))) for one in mappings if isinstance(one, dict)]

    def next(self, name: str) -> list[str]:
        """The nodes that may follow; ends are left out."""
        return [target for target in self.config.targets(name).values() if target not in ENDS]

    def reached(self, start: str, *, without: Collection[str] = ()) -> set[str]:
        """Every node that can be reached, the start included."""
        found, open_ = {start}, [start]
        while open_:
            for target in self.next(open_.pop()):
                if target not in found and target not in without:
                    found.add(target)
                    open_.append(target)
        return found

    def loop(self, without: Collection[str]) -> list[str]:
        """A loop that leaves these nodes out, in its order; [] if there is none."""
        done: set[str] = set()

        def visit(name: str, trail: list[str]) -> list[str]:
            if name in trail:
                return trail[trail.index(name) :]
            if name in done or name in without:
                return []
            for target in self.next(name):
                if found := visit(target, [*trail, name]):
                    return found
            done.add(name)
            return []

        return next((found for name in self.nodes if (found := visit(name, []))), [])


def _node(name: str, *more: str | int) -> Place:
    return ("graph", "nodes", name, *more)


def _edge(name: str, *more: str) -> Place:
    return ("graph", "edges", name, *more)


# Names: what is pointed at must be there.


def _start(graph: _Graph) -> Iterator[Problem]:
    start = graph.config.start
    if start not in graph.nodes:
        yield Problem(
            ("graph", "start"), f"there is no node {start}", suggestion(start, graph.nodes, what="nodes")
        )


def _reserved(graph: _Graph) -> Iterator[Problem]:
    for name in graph.nodes:
        if name.upper() in ENDS:
            yield Problem(_node(name), f"{name} is the name of an end", "call the node otherwise", at="key")


def _tiers(graph: _Graph) -> Iterator[Problem]:
    for name, node in graph.nodes.items():
        named: list[tuple[Place, str]] = []
        if isinstance(node, GenerateNode) and node.tier is not None:
            named = [(_node(name, "tier"), node.tier)]
        if isinstance(node, ParallelNode):
            named = [(_node(name, "tiers", index), tier) for index, tier in enumerate(node.tiers)]
        for place, tier in named:
            if tier not in graph.tiers:
                yield Problem(place, f"there is no tier {tier}", suggestion(tier, graph.tiers, what="tiers"))


def _validators(graph: _Graph) -> Iterator[Problem]:
    for name, node in graph.nodes.items():
        if not isinstance(node, ValidateNode | ParallelNode):
            continue
        for index, validator in enumerate(node.validators or ()):
            if validator not in graph.validators:
                hint = suggestion(validator, graph.validators, what="declared in `validators`")
                yield Problem(_node(name, "validators", index), f"there is no validator {validator}", hint)


def _edges(graph: _Graph) -> Iterator[Problem]:
    for name, declared in graph.config.edges.items():
        if name not in graph.nodes:
            hint = suggestion(name, graph.nodes, what="nodes")
            yield Problem(_edge(name), f"there is no node {name}", hint, at="key")
            continue
        outcomes = graph.nodes[name].outcomes
        for outcome, target in declared.items():
            if outcome not in outcomes and outcome != ANY:
                hint = _limit_hint(outcome) or suggestion(outcome, outcomes, what="outcomes")
                yield Problem(_edge(name, outcome), f"{name} has no outcome {outcome}", hint, at="key")
            if target not in graph.nodes and target not in ENDS:
                hint = suggestion(target, [*graph.nodes, *ENDS], what="nodes")
                yield Problem(_edge(name, outcome), f"there is no node {target}", hint)


def _limit_hint(outcome: str) -> str:
    return "give the node `max_visits` first" if outcome == LIMIT else ""


def _outcomes(graph: _Graph) -> Iterator[Problem]:
    for name, node in graph.nodes.items():
        missing = [outcome for outcome in node.outcomes if outcome not in graph.config.targets(name)]
        if missing:
            what = f"no edge for the outcome{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
            place = _edge(name) if name in graph.config.edges else _node(name)
            yield Problem(place, what, f"add `{missing[0]}: NODE` to graph.edges.{name}, or an end", at="key")


# The whole: every node can be reached, and can end.


def _unreachable(graph: _Graph) -> Iterator[Problem]:
    reached = graph.reached(graph.config.start)
    for name in graph.nodes:
        if name not in reached:
            hint = f"lead an edge to it from what {graph.config.start} reaches, or remove it"
            yield Problem(_node(name), f"cannot be reached from {graph.config.start}", hint, at="key")


def _dead_ends(graph: _Graph) -> Iterator[Problem]:
    ending = {name for name in graph.nodes if set(graph.config.targets(name).values()) & set(ENDS)}
    for name in graph.reached(graph.config.start):
        if not graph.reached(name) & ending:
            hint = f"lead one of its edges to {', '.join(ENDS)}, or to a node that ends"
            yield Problem(_node(name), "is a dead end: no end can be reached from here", hint, at="key")


def _loops(graph: _Graph) -> Iterator[Problem]:
    """Each loop needs a node with `max_visits`, or a policy that counts attempts and a call that makes one."""
    counted = {name for name, node in graph.nodes.items() if node.max_visits is not None}
    deciding = {name for name, node in graph.nodes.items() if _counts_attempts(node, graph.data)}
    attempting = {
        name
        for name, node in graph.nodes.items()
        if isinstance(node, GenerateNode | ParallelNode | SubgraphNode)
    }
    bounds = ((deciding, "no policy that counts attempts"), (attempting, "nothing that makes an attempt"))
    for bounding, lack in bounds:
        loop = graph.loop(counted | bounding)
        if loop:
            way = " > ".join([*loop, loop[0]])
            hint = "give one of its nodes `max_visits`"
            yield Problem(_node(loop[0]), f"a loop without a bound: {way} has {lack}", hint, at="key")
            return


def _counts_attempts(node: Node, data: Mapping[str, Any]) -> bool:
    if not isinstance(node, DecideNode):
        return False
    if node.policy is not None:
        return not isinstance(node.policy, PluginConfig)
    policy = data.get("policy", "threshold")
    use = policy.get("use") if isinstance(policy, dict) else policy
    return isinstance(use, str) and use in BUILT_IN["policies"]


def _meeting(graph: _Graph) -> Iterator[Problem]:
    """Whatever way a task comes to a node, what the node needs must be there."""
    told: set[tuple[str, Fact]] = set()
    for name, way, facts in _ways(graph):
        for fact in sorted(graph.nodes[name].needed - facts):
            if (name, fact) not in told:
                told.add((name, fact))
                what = f"needs {FACTS[fact]}, and on the way {' > '.join([*way, name])} there is none"
                yield Problem(_node(name), what, _mend(fact), at="key")
        for outcome, target in graph.config.targets(name).items():
            after = graph.nodes[name].leaves(outcome, facts)
            if target == ACCEPT and not after & {"candidate", "answer"} and (name, "candidate") not in told:
                told.add((name, "candidate"))
                what = f"on the way {' > '.join([*way, name])} there is no answer to accept"
                yield Problem(_edge(name, outcome), what, "lead it to STOP or END")


def _ways(graph: _Graph) -> Iterator[tuple[str, tuple[str, ...], Facts]]:
    """Every node with each set of facts that it can begin with, and a shortest way on which it does."""
    begun: set[tuple[str, Facts]] = {(graph.config.start, frozenset())}
    waiting: list[tuple[str, tuple[str, ...], Facts]] = [(graph.config.start, (), frozenset())]
    while waiting:
        name, way, facts = waiting.pop(0)
        yield name, way, facts
        for outcome, target in graph.config.targets(name).items():
            after = graph.nodes[name].leaves(outcome, facts)
            if target not in ENDS and (target, after) not in begun:
                begun.add((target, after))
                waiting.append((target, (*way, name), after))


def _mend(fact: Fact) -> str:
    return {
        "tier": "lead it through a classify or decide node, or name a tier",
        "answer": "lead it through a generate node",
        "candidate": "lead it through an extract node",
        "verdict": "lead it through a validate node",
    }[fact]


_NAMES: tuple[Check, ...] = (_start, _reserved, _tiers, _validators, _edges, _outcomes)
_WHOLE: tuple[Check, ...] = (_unreachable, _dead_ends, _loops, _meeting)
