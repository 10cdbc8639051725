"""The declared graph: named nodes, and edges on their outcomes.

A node does one thing to the state and ends in one of its outcomes; the edge of that outcome names the next
node, or an end: `ACCEPT` (the last answer is the result), `STOP` (it is not, the best there is is given
back), `END` (as the decision or the last verdict says). What a node needs and leaves behind is told by facts
(`Fact`), so that a graph whose nodes do not meet is refused before it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field, Tag

from cascade.config.base import LISTED, Count, FilePath, Name, PositiveUsd, Section, Text
from cascade.config.parts import PolicyConfig
from cascade.config.plugins import IMPORT_REFERENCE
from cascade.config.tiers import PriceSetting

# tier: one is chosen; answer: a model's text; candidate: files out of it; verdict: an attempt that was judged.
Fact: TypeAlias = Literal["tier", "answer", "candidate", "verdict"]
Facts: TypeAlias = frozenset[Fact]

ACCEPT, STOP, END = "ACCEPT", "STOP", "END"
ENDS = (ACCEPT, STOP, END)
ANY = "*"  # stands in the edges for every outcome that is not named
LIMIT = "limit"  # the outcome of a node that was visited `max_visits` times already


class Node(Section):
    """What every node may have."""

    max_visits: Annotated[Count, Field(ge=1)] | None = None
    """How often a task may come here; the next time the outcome is `limit`. Bounds a loop."""
    note: Text | None = None
    """A word for the reader; drawn with the graph."""

    ends: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[Facts] = frozenset()

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Every outcome that needs an edge."""
        return (*self.own_outcomes, LIMIT) if self.max_visits is not None else self.own_outcomes

    @property
    def own_outcomes(self) -> tuple[str, ...]:
        """The outcomes of the node's work, `limit` left out."""
        return self.ends

    @property
    def needed(self) -> Facts:
        """What must be there when the node begins."""
        return self.needs

    def leaves(self, outcome: str, before: Facts) -> Facts:
        """What is there after the outcome, if `before` was there when the node began."""
        del outcome
        return before


class ClassifyNode(Node):
    """Estimates P(pass) by tier and lets the policy choose the first."""

    kind: Literal["classify"]
    ends: ClassVar[tuple[str, ...]] = ("routed", "stop")

    def leaves(self, outcome: str, before: Facts) -> Facts:
        """A tier, once routed."""
        return before | {"tier"} if outcome == "routed" else before


class GenerateNode(Node):
    """One call to a tier's model."""

    kind: Literal["generate"]
    tier: Name | None = None
    """The tier. Unset: the one that was decided."""
    max_output_tokens: Annotated[Count, Field(ge=1)] | None = None
    """Upper bound of the answer here. Unset: the tier's."""
    timeout_s: Annotated[float, Field(gt=0)] | None = None
    """Deadline of the attempt here, in seconds. Unset: the tier's."""
    max_usd: PositiveUsd | None = None
    """What a task may spend at this node, in USD; what does not fit ends as `exhausted`."""
    price: PriceSetting | None = None
    """Price in force here. Unset: the tier's."""
    ends: ClassVar[tuple[str, ...]] = ("answered", "failed", "exhausted")

    @property
    def needed(self) -> Facts:
        """A decided tier, unless one is named."""
        return frozenset() if self.tier else frozenset({"tier"})

    def leaves(self, outcome: str, before: Facts) -> Facts:
        """A fresh answer, or an attempt that failed; what the attempt before left is history."""
        kept: Facts = before - {"answer", "candidate", "verdict"}
        if outcome == "answered":
            return kept | {"answer"}
        return kept | {"verdict"} if outcome == "failed" else before


class ExtractNode(Node):
    """Reads the files out of the answer."""

    kind: Literal["extract"]
    ends: ClassVar[tuple[str, ...]] = ("extracted", "nothing")
    needs: ClassVar[Facts] = frozenset({"answer"})

    def leaves(self, outcome: str, before: Facts) -> Facts:
        """Files, or the verdict that there were none."""
        if outcome == LIMIT:
            return before
        return (before - {"answer"}) | ({"candidate"} if outcome == "extracted" else {"verdict"})


class ValidateNode(Node):
    """Runs checks. One after another in a graph add up to one verdict."""

    kind: Literal["validate"]
    validators: Annotated[tuple[Text, ...], LISTED, Field(min_length=1)] | None = None
    """Which of the config's validators, by name. Unset: all."""
    ends: ClassVar[tuple[str, ...]] = ("passed", "failed", "unchecked")
    needs: ClassVar[Facts] = frozenset({"candidate"})

    def leaves(self, outcome: str, before: Facts) -> Facts:
        """A verdict on the files."""
        return before if outcome == LIMIT else before | {"verdict"}


class DecideNode(Node):
    """Asks the policy for the next step."""

    kind: Literal["decide"]
    policy: PolicyConfig | None = None
    """A policy of this node's own. Unset: the config's."""
    ends: ClassVar[tuple[str, ...]] = ("accept", "retry", "escalate", "stop")
    needs: ClassVar[Facts] = frozenset({"verdict"})

    def leaves(self, outcome: str, before: Facts) -> Facts:
        """A tier for the next attempt; what a policy accepts is there."""
        if outcome == "accept":
            return before | {"candidate"}
        return (before - {"verdict"}) | {"tier"} if outcome in {"retry", "escalate"} else before


class SwitchNode(Node):
    """Goes by a value of the task's metadata."""

    kind: Literal["switch"]
    metadata: Text
    """The key. Its value, as text, is the outcome if it is one of `cases`, else `other`."""
    cases: Annotated[tuple[Text, ...], LISTED, Field(min_length=1)]
    """The values that have an edge of their own."""

    @property
    def own_outcomes(self) -> tuple[str, ...]:
        """The cases, and `other`."""
        return (*self.cases, "other")


class CallNode(Node):
    """Your function: `State -> outcome` or `State -> (outcome, update)`, plain or async."""

    kind: Literal["call"]
    function: Annotated[str, Field(pattern=IMPORT_REFERENCE)]
    """`package.module:function`."""
    results: Annotated[tuple[Name, ...], LISTED, Field(min_length=1)] = ("done",)
    """The outcomes that it may return."""
    uses: Annotated[tuple[Fact, ...], LISTED] = ()
    """What must be there before: tier, answer, candidate, verdict."""
    gives: Annotated[tuple[Fact, ...], LISTED] = ()
    """What is there afterwards."""
    timeout_s: Annotated[float, Field(gt=0)] | None = None
    """Deadline in seconds."""

    @property
    def own_outcomes(self) -> tuple[str, ...]:
        """As declared."""
        return self.results

    @property
    def needed(self) -> Facts:
        """As declared."""
        return frozenset(self.uses)

    def leaves(self, outcome: str, before: Facts) -> Facts:
        """As declared."""
        return before if outcome == LIMIT else before | frozenset(self.gives)


class SubgraphNode(Node):
    """Another config, run on the task as a whole."""

    kind: Literal["subgraph"]
    config: FilePath
    """The other config file."""
    ends: ClassVar[tuple[str, ...]] = ("accepted", "rejected", "budget_exhausted", "error")

    def leaves(self, outcome: str, before: Facts) -> Facts:
        """Its answer, judged."""
        if outcome == LIMIT:
            return before
        found: Facts = frozenset({"candidate", "verdict"} if outcome == "accepted" else {"verdict"})
        return (before - {"answer", "candidate", "verdict"}) | found


class HumanNode(Node):
    """Stops until a person has chosen (LangGraph's interrupt)."""

    kind: Literal["human"]
    ask: Text
    """What the person is asked."""
    choices: Annotated[tuple[Name, ...], LISTED, Field(min_length=1)] = ("approve", "reject")
    """The outcomes to choose from."""

    @property
    def own_outcomes(self) -> tuple[str, ...]:
        """The choices."""
        return self.choices


class ParallelNode(Node):
    """Attempts at several tiers at once: the first that passes its checks is taken, the others are cancelled."""

    kind: Literal["parallel"]
    tiers: Annotated[tuple[Name, ...], LISTED, Field(min_length=2)]
    """The tiers."""
    validators: Annotated[tuple[Text, ...], LISTED, Field(min_length=1)] | None = None
    """Which of the config's validators, by name. Unset: all."""
    ends: ClassVar[tuple[str, ...]] = ("passed", "failed", "unchecked", "exhausted")

    def leaves(self, outcome: str, before: Facts) -> Facts:
        """Files that were judged."""
        if outcome in {LIMIT, "exhausted"}:
            return before
        return (before - {"answer"}) | {"candidate", "verdict"}


NODE_KINDS: dict[str, type[Node]] = {
    "classify": ClassifyNode,
    "generate": GenerateNode,
    "extract": ExtractNode,
    "validate": ValidateNode,
    "decide": DecideNode,
    "switch": SwitchNode,
    "call": CallNode,
    "subgraph": SubgraphNode,
    "human": HumanNode,
    "parallel": ParallelNode,
}
NodeConfig: TypeAlias = Annotated[
    Annotated[ClassifyNode, Tag("classify")]
    | Annotated[GenerateNode, Tag("generate")]
    | Annotated[ExtractNode, Tag("extract")]
    | Annotated[ValidateNode, Tag("validate")]
    | Annotated[DecideNode, Tag("decide")]
    | Annotated[SwitchNode, Tag("switch")]
    | Annotated[CallNode, Tag("call")]
    | Annotated[SubgraphNode, Tag("subgraph")]
    | Annotated[HumanNode, Tag("human")]
    | Annotated[ParallelNode, Tag("parallel")],
    Field(discriminator="kind"),
]


def _spread(value: object) -> object:
    # `extract: validate` is short for `extract: {"*": validate}`.
    return {ANY: value} if isinstance(value, str) else value


Edges: TypeAlias = Annotated[
    dict[str, Text], BeforeValidator(_spread, json_schema_input_type=Text | dict[str, Text])
]


class GraphConfig(Section):
    """Nodes by name, and where each outcome leads."""

    start: Name
    """The first node."""
    nodes: Annotated[dict[Name, NodeConfig], Field(min_length=1, max_length=200)]
    """Nodes by name."""
    edges: dict[Name, Edges]
    """For each node, the next node by outcome, or one for all. `*` stands for the outcomes not named."""

    def targets(self, name: str) -> Mapping[str, str]:
        """Where each outcome of a node leads; an outcome without an edge is left out."""
        declared = self.edges.get(name, {})
        rest = declared.get(ANY)
        found = {outcome: declared.get(outcome, rest) for outcome in self.nodes[name].outcomes}
        return {outcome: target for outcome, target in found.items() if target is not None}


def default_graph() -> GraphConfig:
    """The graph that a config without one stands for (design 1)."""
    return GraphConfig.model_validate(
        {
            "start": "classify",
            "nodes": {
                name: {"kind": name} for name in ("classify", "generate", "extract", "validate", "decide")
            },
            "edges": {
                "classify": {"routed": "generate", "stop": END},
                "generate": {"answered": "extract", "failed": "decide", "exhausted": END},
                "extract": {"extracted": "validate", "nothing": "decide"},
                "validate": {"passed": "decide", "failed": "decide", "unchecked": "decide"},
                "decide": {"accept": END, "retry": "generate", "escalate": "generate", "stop": END},
            },
        }
    )
