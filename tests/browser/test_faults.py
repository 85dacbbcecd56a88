"""The fault matrix: no tracked event is lost or stored twice."""

import pytest

from benchmarks.tracker_faults import ROWS, Result


@pytest.mark.parametrize("name", [row.name for row in ROWS])
async def test_a_fault_neither_loses_nor_duplicates_events(
    matrix: dict[str, Result], name: str
) -> None:
    result = matrix[name]
    assert result.failure is None
    assert (result.stored, result.stored_twice) == (result.expected, 0)
    assert result.page_errors == 0
