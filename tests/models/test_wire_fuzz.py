"""Whatever an endpoint sends: an answer or a `ModelError`, booked as the server counted.

`benchmarks/wire` is the long run, through whole cascades.
"""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.errors import ModelError
from cascade.models.base import Completion, Meter
from cascade.models.chain import EndpointChain
from cascade.models.spec import EndpointSpec, RetryPolicy
from cascade.testing.in_process import InProcessEndpoint
from cascade.testing.mutations import WireAnswer, mutated_answer
from cascade.types import JsonObject
from tests.models.support import FastClock, request

TOOL: JsonObject = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


@settings(max_examples=150, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32), tools=st.booleans(), size=st.sampled_from([1, 7, 64, 4096]))
async def test_every_stream_ends_defined_and_booked(seed: int, tools: bool, size: int) -> None:
    rng, sent = Random(seed), []

    def answer(_: bytes) -> WireAnswer:
        sent.append(mutated_answer(rng, tools=tools))
        return sent[-1]

    spec = EndpointSpec(name="flash", model="m", base_url="http://server.example/v1", idle_timeout=0.01)
    model = EndpointChain(
        [InProcessEndpoint(spec, answer, size=size)],
        retry=RetryPolicy(max_tries=2),
        clock=FastClock().clock,
    )
    meter = Meter()
    asked = request(tools=(TOOL,) if tools else (), meter=meter)
    try:
        completion = await model.generate(asked)
    except ModelError as error:
        f"{error}{error.hint}".encode()
    else:
        _assert_writable(completion)
    assert len(meter.charges) == len(sent)
    for replayed, charge in zip(sent, meter.charges, strict=True):
        if replayed.counted is not None:
            assert (charge.usage.input, charge.usage.output) == replayed.counted


def _assert_writable(completion: Completion) -> None:
    for text in (completion.text, completion.reasoning or "", completion.model):
        text.encode()
    for call in completion.tool_calls:
        assert call.id
        (call.id + call.name + call.arguments).encode()
