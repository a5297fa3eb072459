from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from epochal.data.tables import numbers, numeric_columns, read_table, split_words, texts
from epochal.errors import ConfigError, DataError, Problem


def test_csv_cells_stay_text_and_are_stripped(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfid, name\n001, cat \n002,\n")
    table = read_table(tmp_path / "a.csv")
    assert table.frame.rows() == [("001", "cat"), ("002", None)]
    assert table.frame.columns == ["id", "name"]


def test_csv_rows_know_their_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,note\n1,"two\nlines"\n\n2,"a ""quote"""\n')
    table = read_table(tmp_path / "a.csv")
    assert table.frame.rows() == [("1", "two\nlines"), ("2", 'a "quote"')]
    assert [table.place(row) for row in range(2)] == [f"{tmp_path}/a.csv:2", f"{tmp_path}/a.csv:5"]


@pytest.mark.parametrize("content", ["id;x\n1;2,5\n", "id\tx\n1\t2,5\n"])
def test_other_separators(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    assert read_table(tmp_path / "a.csv").frame.rows() == [("1", "2,5")]


def test_every_format_gives_the_same_values(tmp_path: Path) -> None:
    frame = pl.DataFrame({"name": ["001", "b"], "size": [1.5, 2.0], "count": [3, 4], "site": [1.0, 2.0]})
    frame.write_csv(tmp_path / "a.csv")
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ndjson(tmp_path / "a.jsonl")
    frame.write_excel(tmp_path / "a.xlsx")
    for name, place in (("a.csv", ":3"), ("a.jsonl", ":2"), ("a.parquet", ", row 2"), ("a.xlsx", ", row 3")):
        table = read_table(tmp_path / name)
        problems: list[Problem] = []
        assert texts(table, "name").to_list() == ["001", "b"]
        assert numbers(table, "size", problems).tolist() == [1.5, 2.0]
        assert table.place(1) == f"{tmp_path / name}{place}"
        assert numeric_columns(table) == ["size", "count", "site"]
        if name != "a.csv":
            assert texts(table, "site").to_list() == ["1", "2"]
        assert problems == []


def test_excel_sheets_by_name_and_empty_rows_count(tmp_path: Path) -> None:
    from xlsxwriter import Workbook  # type: ignore[import-untyped]

    with Workbook(tmp_path / "a.xlsx") as book:
        book.add_worksheet("first").write_row(0, 0, ["other"])
        second = book.add_worksheet("second")
        second.write_column(0, 0, ["x", 1, None, 3])
        second.write_column(0, 1, ["y", 1, None, 3])
    table = read_table(tmp_path / "a.xlsx", sheet="second")
    assert table.frame["x"].to_list() == [1, 3]
    assert table.place(1).endswith("row 4")
    (tmp_path / "a.csv").write_text("x\n1\n")
    with pytest.raises(ConfigError, match=r"'sheet' is for \.xlsx"):
        read_table(tmp_path / "a.csv", sheet="second")


def test_broken_tables_name_the_line(tmp_path: Path) -> None:
    contents = {
        "ragged.csv": (b"a,b\n1,2\n1,2,3\n", "ragged.csv:3: 3 values under 2 columns"),
        "latin.csv": (b"a,b\n1,2\n\xe9,2\n", "latin.csv:3: byte 0xe9 is not UTF-8; save the file"),
        "empty.csv": (b"", "empty.csv: the file is empty"),
        "header.csv": (b"a,b\n", "header.csv: the table has no rows"),
        "twice.csv": (b"a,a\n1,2\n", "twice.csv:1: several columns are called 'a'"),
        "quote.csv": (b'a,b\n"1,2\n', "quote.csv: is no table of separated values"),
        "a.parquet": (b"no parquet", "a.parquet: can't be read as a table"),
        "a.json": (b"[1", "a.json: can't be read as a table"),
        "a.xml": (b"{}", "tables are not read from '.xml' files; use one of .csv"),
    }
    for name, (content, message) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_table(tmp_path / name)
        assert message in str(caught.value)
    with pytest.raises(DataError, match="this is a folder, not a table"):
        read_table(tmp_path)
    with pytest.raises(DataError, match=r"gone\.csv: there is no such file"):
        read_table(tmp_path / "gone.csv")


def test_bad_cells_are_problems_with_row_and_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "x,y,s\n1,red,train\nnan,blue,VALID\n,green,\nmany,,Tset\n1e60,red,test\n"
    )
    table = read_table(tmp_path / "a.csv")
    problems: list[Problem] = []
    numbers(table, "x", problems)
    assert [problem.where.rpartition(":")[2] for problem in problems] == ["3", "4", "5", "6"]
    assert "'x' is empty" in str(problems[1])
    assert "'x' is 'many', not a finite number" in str(problems[2])
    problems = []
    numbers(table, "y", problems)
    assert [str(problem) for problem in problems] == [
        f"{tmp_path}/a.csv: column 'y' is not numeric: it holds 'red'"
    ]
    problems = []
    assert split_words(table, "s", problems).to_list() == ["train", "val", "", "", "test"]
    assert "a.csv:5: 'Tset' is no split; write train, val or test" in str(problems[1])
