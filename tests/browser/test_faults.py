"""The fault matrix: nothing that was tracked is lost, and nothing is stored twice."""

import pytest

from benchmarks.tracker_faults import ROWS, Result


@pytest.mark.parametrize("name", [row.name for row in ROWS])
async def test_a_fault_loses_nothing_and_doubles_nothing(
    matrix: dict[str, Result], name: str
) -> None:
    result = matrix[name]
    assert result.failure is None
    assert (result.stored, result.stored_twice) == (result.expected, 0)
    assert result.page_errors == 0
