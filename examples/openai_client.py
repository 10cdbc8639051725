"""Any OpenAI client through `cascade serve`: nothing changes but the address.

CASCADE_SERVE_KEY=secret cascade serve -c examples/cascade.yaml &
CASCADE_SERVE_KEY=secret python examples/openai_client.py
"""

from __future__ import annotations

import asyncio
import os

from openai import AsyncOpenAI


async def main() -> None:
    """A streamed answer, and one that is checked by tests before it comes."""
    client = AsyncOpenAI(
        base_url=os.environ.get("CASCADE_URL", "http://127.0.0.1:8000/v1"),
        api_key=os.environ["CASCADE_SERVE_KEY"],
    )
    async with client:
        stream = await client.chat.completions.create(
            model="cascade", messages=[{"role": "user", "content": "Say hello."}], stream=True
        )
        async for chunk in stream:
            print("".join(choice.delta.content or "" for choice in chunk.choices), end="")
        print()
        raw = await client.chat.completions.with_raw_response.create(
            model="cascade",
            messages=[{"role": "user", "content": "Write `double(x)` in double.py."}],
            extra_body={
                "cascade": {
                    "target": "double.py",
                    "tests": {
                        "test_double.py": "from double import double\n\ndef test():\n    assert double(2) == 4\n"
                    },
                }
            },
        )
        print(raw.parse().choices[0].message.content)
        print({name: value for name, value in raw.headers.items() if name.startswith("x-cascade")})


if __name__ == "__main__":
    asyncio.run(main())
