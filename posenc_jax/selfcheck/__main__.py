# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Checks this machine: a table, one line of JSON, and exit status 1 if anything is wrong.

    python -m posenc_jax.selfcheck
    python -m posenc_jax.selfcheck --seconds 300 --length 8192
"""

import argparse
import sys
from collections.abc import Sequence

from posenc_jax import selfcheck


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the check; returns the exit status."""
  parser = argparse.ArgumentParser(prog="python -m posenc_jax.selfcheck", allow_abbrev=False,
                                   description=(__doc__ or "").split("\n")[0])
  parser.add_argument("--seconds", type=float, default=60.0,
                      help="after so many no further measurement begins (60)")
  parser.add_argument("--length", type=int, default=None,
                      help="T of the timed calls (2048 on a CPU, else 4096)")
  options = parser.parse_args(argv)
  try:
    report = selfcheck(seconds=options.seconds, length=options.length)
  except ValueError as error:
    parser.error(str(error))
  print(report, report.json(), sep="\n\n")
  return 0 if report.ok else 1


if __name__ == "__main__":
  sys.exit(main())
