"""2,000 annotations by distilabel: a pipeline of `TextGeneration` with `OpenAILLM`.

`python by_distilabel.py URL EXERCISE FOLDER BATCH`; the same command on the same folder resumes as distilabel does: by
the cache of a pipeline of the same name (`use_cache=True`), which it writes after every batch.

What is set: how large batches are, because all calls of a batch are made at once, and the next batch waits for the last
of them: 16 for as many calls at a time as the others have, 50 as it comes, for three times as many and less to write.
The rows are in a file, because rows that are given to it directly are written to its cache after every batch. The rest
is as it comes.

Killed while a batch is under way, it does not resume: it waits for that batch for ever, however the rows are loaded
(github.com/argilla-io/distilabel/issues/1065). Without its cache it would end, and buy everything again.
"""

import json
import sys
from pathlib import Path

from distilabel.models import OpenAILLM  # type: ignore[import-not-found]
from distilabel.pipeline import Pipeline  # type: ignore[import-not-found]
from distilabel.steps import LoadDataFromFileSystem  # type: ignore[import-not-found]
from distilabel.steps.tasks import TextGeneration  # type: ignore[import-not-found]

LONGEST = 256


def main(url: str, exercise: Path, folder: Path, batch: int) -> None:
    """Annotate, then write."""
    rows = folder / "rows.jsonl"
    with exercise.open() as lines, rows.open("w") as out:
        for row in map(json.loads, lines):
            system, user = (message["content"] for message in row["messages"])
            out.write(json.dumps({"id": row["id"], "system_prompt": system, "instruction": user}) + "\n")
    with Pipeline(name="annotate", cache_dir=folder / "distilabel") as pipeline:
        load = LoadDataFromFileSystem(name="load", data_files=str(rows), batch_size=batch)
        ask = TextGeneration(
            name="ask",
            llm=OpenAILLM(
                model="gpt-4o-mini",
                base_url=url,
                generation_kwargs={"max_new_tokens": LONGEST, "response_format": {"type": "json_object"}},
            ),
            input_batch_size=batch,
        )
        load >> ask
    said = pipeline.run(use_cache=True)["default"]["train"]
    with (folder / "annotations.jsonl").open("w") as out:
        for row in said:
            if row["generation"]:
                out.write(json.dumps({"id": row["id"], **json.loads(row["generation"])}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
