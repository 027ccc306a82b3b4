"""2,000 annotations by Curator (bespokelabs-curator): `curator.LLM` with its own OpenAI backend.

`python by_curator.py URL EXERCISE FOLDER`; the same command on the same folder resumes as Curator does: by what is in
its working directory, under a name that follows from the data set, the functions and the model.

What is set: 16 calls at a time; rates that never bind, because it would else wait for those that it assumes; a model
that its price list knows, because it looks every answer's price up; the tables by which it counts tokens are litellm's,
which it would else fetch. The rest is as it comes.
"""

import json
import sys
from pathlib import Path
from typing import Any

import litellm.litellm_core_utils.default_encoding  # type: ignore[import-not-found]  # noqa: F401  (brings the tables)
from bespokelabs import curator  # type: ignore[import-not-found]
from datasets import Dataset

AT_A_TIME = 16
LONGEST = 256
NEVER_BINDS = 10**9


class Revise(curator.LLM):  # type: ignore[misc]
    """The prompts that the exercise has, and what is read of a reply."""

    def prompt(self, input: dict[str, Any]) -> list[dict[str, str]]:
        """The messages of a row."""
        return [{"role": "system", "content": input["system"]}, {"role": "user", "content": input["user"]}]

    def parse(self, input: dict[str, Any], response: str) -> dict[str, str]:
        """The reply beside the row's id."""
        return {"id": input["id"], "reply": response}


def main(url: str, exercise: Path, folder: Path) -> None:
    """Annotate, then write."""
    with exercise.open() as lines:
        rows = [
            {"id": row["id"], "system": row["messages"][0]["content"], "user": row["messages"][1]["content"]}
            for row in map(json.loads, lines)
        ]
    llm = Revise(
        model_name="gpt-4o-mini",
        backend="openai",
        generation_params={"max_completion_tokens": LONGEST, "response_format": {"type": "json_object"}},
        backend_params={
            "base_url": url,
            "max_concurrent_requests": AT_A_TIME,
            "max_requests_per_minute": NEVER_BINDS,
            "max_tokens_per_minute": NEVER_BINDS,
        },
    )
    said = llm(Dataset.from_list(rows), working_dir=str(folder / "curator")).dataset
    with (folder / "annotations.jsonl").open("w") as out:
        for row in said:
            out.write(json.dumps({"id": row["id"], **json.loads(row["reply"])}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
