"""Benchmarks on a real switch (scripts/bench). Starting it and SIPp is the business of tests/live."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "live"))
