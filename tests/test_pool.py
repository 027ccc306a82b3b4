import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from elad.errors import InputError
from elad.ledger import Ledger
from elad.pool import File, admit
from elad.records import Question
from elad.worlds import Arithmetic

DATA = Path(os.environ.get("ELAD_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
HELD_OUT = Arithmetic(count=2, seed=9)

ROWS: list[dict[str, Any]] = [
    {"id": "a", "question": "What is 1 + 1?", "answer": "2", "steps": ["1 + 1 = 2"], "domain": "sums"},
    {"question": "Which is a fruit?", "choices": ["pear", "stone"], "answer": "pear", "extra": 1},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def questions(source: File) -> list[Question]:
    rows = [row for _, row in source.rows()]
    assert all(isinstance(row, Question) for row in rows), rows
    return [row for row in rows if isinstance(row, Question)]


def test_jsonl_plain_and_gzip(tmp_path: Path) -> None:
    plain = write(tmp_path / "p.jsonl", ROWS)
    packed = tmp_path / "p.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    one, other = questions(File(path=plain)), questions(File(path=packed))
    assert one == other
    assert one[0] == Question(id="a", text="What is 1 + 1?", answer="2", steps=("1 + 1 = 2",), domain="sums")
    assert one[1].id.startswith("q-")
    assert one[1].choices == ("pear", "stone")


def test_csv_and_parquet(tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    table.write_text('id,question,choices,answer\na,"What, then?","[""x"", ""y""]",x\nb,Why?,,\n')
    read = questions(File(path=table))
    assert [q.text for q in read] == ["What, then?", "Why?"]
    assert read[0].choices == ("x", "y")
    assert read[1].answer is None
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet needs the parquet extra")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(ROWS[::-1]), tmp_path / "p.parquet")
    assert questions(File(path=tmp_path / "p.parquet"))[0].choices == ("pear", "stone")


def test_columns_are_mapped(tmp_path: Path) -> None:
    file = write(
        tmp_path / "m.jsonl", [{"q": "One?", "label": "yes", "meta": {"hops": 2, "far": True}, "split": "test"}]
    )
    source = File(
        path=file, fields={"question": "q", "answer": "label", "domain": ["meta.hops", "meta.far"], "meta": None}
    )
    assert questions(source)[0].domain == "hops 2, far True"
    assert questions(source)[0].meta == {}
    assert not questions(source.model_copy(update={"where": {"split": "train"}}))
    assert questions(source.model_copy(update={"where": {"meta.hops": 2}}))
    assert questions(source.model_copy(update={"where": {"meta.hops": [1, 2]}}))
    assert not questions(source.model_copy(update={"where": {"meta.hops": [1, 3]}}))


BAD = [
    '{"question": "fine?"}',
    "not json",
    '["a list"]',
    '{"question": "  "}',
    '{"text": "no question column"}',
    '{"question": "Fine."}',
    '{"question": "other", "choices": 5}',
    '{"question": "more", "id": "x"}',
    '{"question": "yet more", "id": "x"}',
    '{"question": "meta", "meta": "text"}',
    '{"question": 5}',
    '{"question": "domain", "domain": {"a": 1}}',
    '{"question": "half a sign: \\ud800"}',
    '{"question": "deep", "meta": ' + '{"a":' * 5000 + "1" + "}" * 5001,
    json.dumps({"question": "many", "choices": list(range(27))}),
]


DAMAGED = bytearray(gzip.compress(b'{"question": "a"}' * 500))
DAMAGED[30] ^= 0xFF


def test_bad_rows_are_named_by_file_and_line_and_cost_no_other_row(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("\n".join(BAD))
    with Ledger(tmp_path / "run") as ledger:
        admit(ledger, File(path=file, on_bad_row="skip"), HELD_OUT)
        assert ledger.counts() == {"pooled": 2, "held out": 2, "unusable": 13}
        told = dict(ledger.unusable())
    assert [name.split()[0] for name in told] == [
        f"bad.jsonl:{n}" for n in (10, 11, 12, 13, 14, 15, 2, 3, 4, 5, 6, 7, 9)
    ]
    assert "not JSON" in told["bad.jsonl:2 (pooled)"]
    assert "asks the same as" in told["bad.jsonl:6 (pooled)"]
    assert "'question'" in told["bad.jsonl:5 (pooled)"]
    assert "'x' stands before" in told["bad.jsonl:9 (pooled)"]


def test_bad_rows_stop_by_default_before_anything_is_written(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("\n".join(BAD))
    with Ledger(tmp_path / "run") as ledger:
        with pytest.raises(InputError, match=r"13 bad rows:\n  bad.jsonl:2: it is not JSON") as caught:
            admit(ledger, File(path=file), HELD_OUT)
        assert "pool.on_bad_row to skip" in str(caught.value)
        assert ledger.counts() == {}


def test_marks_and_gaps_that_other_tools_leave_are_read_over(tmp_path: Path) -> None:
    file = tmp_path / "exported.jsonl"
    file.write_text('\ufeff{"question": "one?", "answer": NaN}\n\n{"question": "two?", "answer": 2.5, "id": 7}\r\n')
    one, two = questions(File(path=file))
    assert (one.text, one.answer) == ("one?", None)
    assert (two.id, two.answer) == ("7", "2.5")


def test_what_is_held_out_never_stays_in_the_pool(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", [{"question": q.text} for q in Arithmetic(count=5, seed=9).questions()])
    with Ledger(tmp_path / "run") as ledger:
        admit(ledger, File(path=file), HELD_OUT)
        assert ledger.counts() == {"held out": 2, "pooled": 3, "unusable": 2}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.jsonl", b"", r"no row of .*empty.jsonl is a usable question \(0 held out, 0 bad\)"),
        ("missing.jsonl", None, "can't be read"),
        ("torn.jsonl.gz", gzip.compress(b'{"question": "a"}' * 500, mtime=0)[:40], "can't be read"),
        ("damaged.jsonl.gz", DAMAGED, "can't be read"),
        ("not.parquet", b"PAR0", "Parquet"),
        ("unclosed.csv", b'question,id\na,"b\nc,d', "can't be read"),
        ("latin.jsonl", '{"question": "caf\xe9"}'.encode("latin-1"), "latin.jsonl:1: it is not JSON in UTF-8"),
        ("latin.csv", "question\ncaf\xe9".encode("latin-1"), "latin.csv:2: "),
        ("twice.csv", b"question,question\na,b", "names a column twice"),
        ("short.csv", b"question,answer\na", "1 values and the header has 2"),
        ("pool.txt", b"question", "has the ending '.txt'"),
    ],
)
def test_a_file_that_can_not_be_read_is_told(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with Ledger(tmp_path / "run") as ledger, pytest.raises(InputError, match=said):
        admit(ledger, File(path=file), HELD_OUT)


def test_the_draw_is_uniform_and_does_not_depend_on_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [{"id": str(n), "question": f"number {n}?"} for n in range(30)]
    drawn = []
    for name, order in (("one", rows), ("other", rows[::-1])):
        with Ledger(tmp_path / name) as ledger:
            admit(ledger, File(path=write(tmp_path / f"{name}.jsonl", order)), HELD_OUT)
            for n in range(300):
                ledger.attempts(n).draw(f"seed/{n}", 10)
            drawn.append([[q.id for q in ledger.attempts(n).pending(10)] for n in range(300)])
    assert drawn[0] == drawn[1]
    counts = [sum(str(n) in draw for draw in drawn[0]) for n in range(30)]
    assert all(60 <= count <= 140 for count in counts)  # expected 100, standard deviation 8


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the shared data sets are not at {DATA} (set ELAD_DATA)")
def test_the_shared_files_load_as_they_are() -> None:
    files = sorted(DATA.glob("*.jsonl*"))
    assert files
    for file in files:
        assert len(questions(File(path=file))) > 50, file.name


@pytest.mark.slow
def test_a_million_rows_never_stand_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "million.jsonl"
    with open(file, "w") as lines:
        for n in range(1_000_000):
            lines.write(f'{{"question": "What is {n} + {n}? {"x" * 200}"}}\n')
    code = f"""
import resource
from pathlib import Path
from elad.ledger import Ledger
from elad.pool import File, admit
from elad.worlds import Arithmetic
with Ledger(Path({str(tmp_path / "run")!r})) as ledger:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    admit(ledger, File(path=Path({str(file)!r})), Arithmetic(count=2))
    ledger.attempts(1).draw("x", 500)
    assert len(ledger.attempts(1).pending(500)) == 500
    assert ledger.counts()["pooled"] == 1_000_000
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    grown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(grown) < 100_000, "kilobytes; the file itself has 240 MB"
