"""The bench measures what it says it does; what it finds is nobody's promise here."""

import subprocess
import sys
from pathlib import Path

import pytest

SECTIONS = ("Idle", "Request → worker → answer", "Frames", "Age of a camera's frame", "demo model")


@pytest.mark.soak
@pytest.mark.timeout(110)
def test_a_quick_run_measures_every_part() -> None:
    output = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick"],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    for section in SECTIONS:
        assert section in output.stdout, output.stdout
