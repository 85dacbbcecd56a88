"""Every fault that was found by trying has a test of its right value, by its id.

A test carries `@pytest.mark.fault("A1")` for each fault that it holds; those that were met by
newcomers are `newcomer-9` and so on.
"""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent

# What is counted, kept and erased (issue 20).
TRUTH = """
A1 A2 A3 A4 A5 A8 A9 A10 B1 B2 B3 B4 B6 B7 E7 E9 E11 F1 F2 F3 H3 H4 H5
N8 N12 N13 N22 N25 N28 N29 R1 R2 R3 R4 R5 R6 R7 R8 R9 R10
"""

# Limits, trust, and a database that goes and comes back (issue 21).
SAFETY = """
A6 A7 B8 E1 E2 E3 E4 E5 E6 G1 G5 H1 H2 H6 N1 N2 N3 N4 N6 N7 N16 N18 N19 N21 N23 N26
S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S13 S14 S16 S17 S18 S19 S20 S21 S22 S23
newcomer-9 newcomer-10 newcomer-11 newcomer-17 newcomer-18 newcomer-19 newcomer-20 newcomer-21
newcomer-23 newcomer-43 newcomer-53 newcomer-56 newcomer-57 newcomer-58 newcomer-59 newcomer-63
newcomer-64 newcomer-68 newcomer-69 newcomer-70
"""

# Clients that install and work in every application (issue 23): the tracker and the dashboard in
# real applications, the Python client, the API's document and its origins.
CLIENTS = """
C1 C2 C3 C4 C5 C6 C7 C9 C10 C11 C12 C13 D1 D2 D3 D4 G2 G3 G4
T9 T10 T13 T15 T16 T18 T19 T21 T22 T25 T28 T29 T31 T32
newcomer-28 newcomer-32 newcomer-33 newcomer-34 newcomer-36 newcomer-38 newcomer-39 newcomer-40
newcomer-41 newcomer-42 newcomer-44 newcomer-50 newcomer-61 newcomer-85 newcomer-86 newcomer-87
newcomer-88 newcomer-89 newcomer-91
"""

# In the titles of the JavaScript's tests: `(T21)`.
TITLE = re.compile(r"^\s*(?:test|it|describe)\b.*\(([CDT]\d+)\)", re.MULTILINE)


def marked() -> set[str]:
    """The ids that tests are marked with."""
    found = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                found |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    for path in (ROOT / "frontend").glob("*/test/*.test.ts*"):
        found |= set(TITLE.findall(path.read_text()))
    return {str(each) for each in found}


def test_each_fault_has_a_test() -> None:
    faults = " ".join((TRUTH, SAFETY, CLIENTS)).split()
    assert sorted(set(faults) - marked()) == []
