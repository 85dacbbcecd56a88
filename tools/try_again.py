"""Run failed tests once more, alone: `python -m tools.try_again`, after a failed run of pytest.

The suite runs real services, browsers and load side by side; on a busy machine, a time limit that
others exceeded fails a test that is right. A few such tests may pass alone, and are named as
`UNSTABLE`: each is a fault to find, of the test or of what it tests.
"""

import json
import subprocess
import sys
from pathlib import Path

FAILED = Path(".pytest_cache/v/cache/lastfailed")
FAILED_MAX = 4


def main() -> int:
    """Return the exit status: 0 if all passed, 1 if too many failed to try, else pytest's."""
    failed: list[str] = sorted(json.loads(FAILED.read_text())) if FAILED.exists() else []
    if not 0 < len(failed) <= FAILED_MAX or not all("::" in name for name in failed):
        return 1
    print(f"\n{len(failed)} failed; they run once more, alone.", flush=True)  # noqa: T201
    run = subprocess.run([sys.executable, "-m", "pytest", "-n", "0", *failed], check=False)
    if run.returncode == 0:
        for name in failed:
            print(f"UNSTABLE: {name} failed beside other tests and passed alone.")  # noqa: T201
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
