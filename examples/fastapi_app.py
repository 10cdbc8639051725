"""A cascade behind a FastAPI application, for many users at once.

pip install fastapi uvicorn; uvicorn --app-dir examples fastapi_app:app
curl -s localhost:8000/solve -H 'content-type: application/json' -d '{"prompt": "...", "target": "a.py"}'
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel

from cascade import Cascade, Task

AT_ONCE = 64  # tasks; more wait their turn


class Order(BaseModel):
    """What a user sends."""

    prompt: str
    target: str | None = None
    tests: dict[str, str] = {}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One cascade for all users: one ledger, one budget, one pool of connections."""
    async with Cascade.from_file(Path(__file__).with_name("cascade.yaml")) as cascade:
        app.state.cascade = cascade
        app.state.places = asyncio.Semaphore(AT_ONCE)
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/solve")
async def solve(order: Order, request: Request) -> dict[str, Any]:
    """Run the order as a task. 402 where the budget is spent, 502 where no tier answered."""
    async with request.app.state.places:
        result = await request.app.state.cascade.run(Task(id=uuid4().hex, **order.model_dump()))
    if result.answer is None:
        raise HTTPException(402 if result.status == "budget_exhausted" else 502, result.reason)
    return {
        "status": result.status,
        "tier": result.tier,
        "files": dict(result.files),
        "output": result.output,
        "cost_usd": str(result.cost_usd),
    }


@app.get("/spent")
async def spent(request: Request) -> dict[str, Any]:
    """What all users together have cost."""
    return {name: str(sums.cost_usd) for name, sums in request.app.state.cascade.ledger.by_tier().items()}
