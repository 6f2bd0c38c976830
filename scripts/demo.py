"""Builds the digits example, serves its models and asks them about a test image: python3.11 scripts/demo.py."""

import sys

from environment import python, run

sys.exit(run([python(), "-m", "mlmake.examples.digits.demo"]))
