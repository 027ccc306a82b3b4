"""2,000 annotations by the least client that there can be, over the same library as ours: it writes at the end.

`python bare.py URL EXERCISE FOLDER`; the same command on the same folder begins anew.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp

AT_A_TIME = 16
LONGEST = 256


async def annotate(url: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is said of every row, in order."""
    door = asyncio.Semaphore(AT_A_TIME)
    headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=AT_A_TIME)) as client:

        async def ask(row: dict[str, Any]) -> dict[str, Any]:
            body = {
                "model": "gpt-4o-mini",
                "messages": row["messages"],
                "max_completion_tokens": LONGEST,
                "response_format": {"type": "json_object"},
            }
            async with door, client.post(f"{url}/chat/completions", json=body) as said:
                said.raise_for_status()
                reply = await said.json()
            return {"id": row["id"], **json.loads(reply["choices"][0]["message"]["content"])}

        return await asyncio.gather(*map(ask, rows))


def main(url: str, exercise: Path, folder: Path) -> None:
    """Annotate, then write."""
    with exercise.open() as lines:
        rows = [json.loads(line) for line in lines]
    annotations = asyncio.run(annotate(url, rows))
    with (folder / "annotations.jsonl").open("w") as out:
        for annotation in annotations:
            out.write(json.dumps(annotation) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
