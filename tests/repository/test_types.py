# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a type checker tells somebody who uses the package: pyright, on its basic level."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from tests.support.repository import ROOT

pytestmark = pytest.mark.slow  # each run reads jax: 10 s and more

HEAD = '''import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px

key = jax.random.key(0)
x = jnp.ones((1, 4, 2, 8))
'''

# A line that ends in "# wrong: rule" must be reported under that rule, no other line may be.
USES = HEAD + '''
rotary: px.Rotary = px.Rotary(64)
t5: px.T5Bias = px.T5Bias.init(key, 8)
chained: px.Encoding = px.chain(px.Rotary(64), px.Alibi(8))
learned: px.Alibi = px.learn(px.Alibi(8), "slopes")
out: jax.Array = px.attend(x, x, x, px.Rotary(8), causal=True, mask=np.ones((4, 4), bool))
axes: int | None = px.Rotary(64).position_axes
px.Rotary(64, bse=3)                                       # wrong: reportCallIssue
px.Rotary("64")                                            # wrong: reportArgumentType
px.T5Bias.init(8)                                          # wrong: reportCallIssue
alibi: px.Alibi = px.T5Bias.init(key, 8)                   # wrong: reportAssignmentType
px.chain(px.Rotary(8), 3)                                  # wrong: reportArgumentType
px.attend(x, x)                                            # wrong: reportCallIssue
px.Alibi(8).slope                                          # wrong: reportAttributeAccessIssue
px.Alibi(8).slopes = x                                     # wrong: reportAttributeAccessIssue
px.alibi_slope(8)                                          # wrong: reportAttributeAccessIssue


@px.encoding
class Own(px.Encoding):
  strength: jax.Array = px.parameter()
  power: float
  taps: int = px.static(default=3)

  relative = True
  position_axes = 2

  def bias(self, tile):
    return self.strength * tile.distance(2) + tile.scales  # wrong: reportAttributeAccessIssue


own: Own = Own(jnp.ones(2), 1.0)
Own(jnp.ones(2), power=1.0, taps=2)
Own(jnp.ones(2))                                           # wrong: reportCallIssue
Own(jnp.ones(2), 1.0, tap=2)                               # wrong: reportCallIssue
Own(jnp.ones(2), 1.0, "2")                                 # wrong: reportArgumentType
own.replace(taps=2).strengths                              # wrong: reportAttributeAccessIssue
'''


def reported(directory: pathlib.Path, code: str) -> list[tuple[int, str]]:
  """(line, rule) of what pyright reports of a user's file, lines counted from 1."""
  command = shutil.which("basedpyright", path=str(pathlib.Path(sys.executable).parent))
  if command is None:
    pytest.skip("basedpyright is not installed")
  (directory / "user.py").write_text(code, encoding="utf-8")
  settings = {"include": ["user.py"], "typeCheckingMode": "basic", "extraPaths": [str(ROOT)],
              "reportUnusedExpression": "none"}
  (directory / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
  done = subprocess.run(
    [command, "--outputjson", "--pythonpath", sys.executable, "--project", str(directory)],
    capture_output=True, text=True)
  found = json.loads(done.stdout)["generalDiagnostics"]
  return [(d["range"]["start"]["line"] + 1, d.get("rule", d["message"])) for d in found
          if d["severity"] == "error"]


def test_wrong_uses_are_reported_and_right_ones_are_not(tmp_path):
  wanted = [(i, line.split("# wrong: ")[1]) for i, line in enumerate(USES.split("\n"), start=1)
            if "# wrong: " in line]
  assert len(wanted) == 14
  assert sorted(set(reported(tmp_path, USES))) == wanted


@pytest.mark.parametrize("page", ["README.md", "docs/tour.md", "docs/your_encoding.md",
                                  "docs/your_model.md"])
def test_the_code_of_the_pages_has_no_fault(page, tmp_path):
  text = (ROOT / page).read_text(encoding="utf-8")
  code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
  # Blocks of a page's own files stand above those that import them.
  code = re.sub(r"^from fading import .*$", "", code, flags=re.MULTILINE)
  faults = reported(tmp_path, code)
  lines = code.split("\n")
  assert [(lines[i - 1], rule) for i, rule in faults] == []
