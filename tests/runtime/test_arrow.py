"""Every type of parquet's columns becomes JSON, exactly; what can't be read is one row that is wrong."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.runtime.rows import Bad, rows_of
from nlu_kit.runtime.texts import Utterance

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

NAN, INFINITY = float("nan"), float("inf")
MOMENT = 1_700_000_000 * 10**9  # 2023-11-14T22:13:20
VALUES: list[tuple[Any, Any, Any]] = [
    (pa.float64(), NAN, None),
    (pa.float64(), -INFINITY, "-Infinity"),
    (pa.float32(), 0.5, 0.5),
    (pa.float16(), NAN, None),
    (pa.list_(pa.float64()), [1.0, INFINITY, NAN], [1.0, "Infinity", None]),
    (pa.struct({"a": pa.float64(), "d": pa.date32()}), {"a": NAN, "d": date(1, 1, 2)}, {"a": None, "d": "0001-01-02"}),
    (pa.map_(pa.string(), pa.float64()), [("k", INFINITY)], [["k", "Infinity"]]),
    (pa.date32(), date(2024, 1, 2), "2024-01-02"),
    (pa.timestamp("s"), datetime(2024, 1, 2, 3, 4, 5), "2024-01-02T03:04:05"),
    (pa.timestamp("us"), datetime(1924, 1, 2, 3, 4, 5, 60), "1924-01-02T03:04:05.00006"),
    (pa.timestamp("ns"), MOMENT + 123_456_789, "2023-11-14T22:13:20.123456789"),
    (pa.timestamp("ns"), -1, "1969-12-31T23:59:59.999999999"),
    (pa.timestamp("ns", tz="Europe/Paris"), MOMENT + 1, "2023-11-14T22:13:20.000000001Z"),
    (pa.list_(pa.timestamp("ns")), [MOMENT, MOMENT + 1], ["2023-11-14T22:13:20", "2023-11-14T22:13:20.000000001"]),
    (pa.time64("ns"), 3_600_000_000_001, "01:00:00.000000001"),
    (pa.time32("s"), time(1, 2, 3), "01:02:03"),
    (pa.duration("ns"), -1_500_000_000, "-PT1.5S"),
    (pa.duration("us"), timedelta(days=1, microseconds=5), "PT86400.000005S"),
    (pa.decimal128(5, 2), Decimal("1.50"), "1.50"),
    (pa.binary(), b"\xff\x00", "/wA="),
    (pa.dictionary(pa.int8(), pa.string()), "Paris", "Paris"),
    (pa.uint64(), 2**64 - 1, 2**64 - 1),
    (pa.bool_(), True, True),
    (pa.string(), "NaN", "NaN"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "expected"), VALUES, ids=str)
def test_a_value_becomes_json(kind: Any, value: Any, expected: Any, tmp_path: Path) -> None:
    columns = {"text": ["a", "b"], "value": pa.array([value, None], kind)}
    parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    first, second = rows_of(tmp_path / "x.parquet")
    assert first == Utterance(text="a", given={"value": expected})
    assert second == Utterance(text="b", given={"value": None})
    json.dumps(first.given, allow_nan=False)


@pytest.mark.parametrize(
    "values", [pa.array([0, 10**15], pa.timestamp("s")), pa.array([b"a", b"\xf4"]).view(pa.string())]
)
def test_what_stands_for_nothing_is_one_wrong_row(values: Any, tmp_path: Path) -> None:
    columns = {"text": ["a", "b", "c"], "value": pa.concat_arrays([values, values[:1]])}
    parquet.write_table(pa.table(columns), tmp_path / "x.parquet")
    before, wrong, after = rows_of(tmp_path / "x.parquet")
    assert isinstance(before, Utterance)
    assert isinstance(after, Utterance)
    assert isinstance(wrong, Bad)
    assert wrong.reason.startswith(f"{tmp_path / 'x.parquet'}:2: the column 'value' can't be read: ")


def test_a_text_must_be_a_string(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"text": pa.array([b"a"])}), tmp_path / "x.parquet")
    assert list(rows_of(tmp_path / "x.parquet")) == [
        Bad(1, f"{tmp_path / 'x.parquet'}:1: 'text' must be a string, got bytes")
    ]
