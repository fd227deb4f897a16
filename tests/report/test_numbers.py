"""How figures are written."""

from __future__ import annotations

import pytest

from nlu_kit.report.numbers import epochs, mean_sd, megabytes, p_value, percent, points, seconds


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (percent(0.97504), "97.50"),
        (points(0.012), "+1.20"),
        (points(-0.003), "−0.30"),
        (points(-1e-9), "0.00"),
        (p_value(0.0123), ".012"),
        (p_value(0.00099), "<.001"),
        (p_value(1.0), "1.000"),
        (seconds(4.26), "4.3s"),
        (seconds(42), "42s"),
        (seconds(59.7), "1m 00s"),
        (seconds(200), "3m 20s"),
        (seconds(3599.9), "1h 00m"),
        (seconds(3900), "1h 05m"),
        (megabytes(1536.4), "1,536 MB"),
        (epochs(7.0), "7"),
        (epochs(7.333), "7.3"),
        (epochs(10.0), "10"),
        (mean_sd({"mean": 0.5, "sd": None}), "50.00"),
        (mean_sd({"mean": 0.5, "sd": 0.01}), "50.00 ± 1.00"),
    ],
)
def test_numbers(written: str, expected: str) -> None:
    assert written == expected
