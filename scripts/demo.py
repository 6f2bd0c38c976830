"""Builds the digits example, serves its models and asks them about a test image: python3.11 scripts/demo.py."""

from environment import python, run

run([python(), "-m", "mlmake.examples.digits.demo"])
