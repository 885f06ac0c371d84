# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The part of a stack's lock that an environment needs, for ``pip install --require-hashes -r``.

    python .ci/locked.py py311 test > requirements.txt     # what '.[test]' needs
    python .ci/locked.py colab test nbclient ipykernel     # .. and two packages more
    python .ci/locked.py py313                             # what the package alone needs

The lock says of each package who asked for it, so a part is what the named ones lead to.
"""

import configparser
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
OURS = "posenc-jax"


def canonical(name: str) -> str:
  """The name as registries compare it."""
  return re.sub(r"[-_.]+", "-", name).lower()


def extras(setup: str) -> dict[str, set[str]]:
  """Extra to the packages it names, "" to those without an extra, from the text of setup.cfg."""
  parser = configparser.ConfigParser(interpolation=None)
  parser.read_string(setup)
  lines = {"": parser["options"]["install_requires"], **parser["options.extras_require"]}
  named: dict[str, set[str]] = {}
  for extra, text in lines.items():  # one extra may name another that stands below it
    words = [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]
    named[extra] = {canonical(re.split(r"[\[<>=! ;]", word)[0]) for word in words} - {OURS}
    for inner in re.findall(r"posenc_jax\[(.*?)\]", text):
      named[extra] |= {f"[{other.strip()}]" for other in inner.split(",")}
  while any(word.startswith("[") for words in named.values() for word in words):
    for extra, words in named.items():
      inner = {word for word in words if word.startswith("[")}
      named[extra] = (words - inner).union(*(named[word[1:-1]] for word in inner))
  return named


def blocks(lock: str) -> list[tuple[str, str, set[str]]]:
  """(package, its lines without comments, who asked for it) of each entry of a lock."""
  found = []
  for text in re.split(r"\n(?=[a-z0-9])", lock.strip()):
    lines, via = text.splitlines(), set()
    for line in lines:
      asked = re.fullmatch(r" +# +(?:via )?([A-Za-z0-9._-]+)(?: \(.*\))?", line)
      if asked and asked[1] not in ("via", "-c"):
        via.add(canonical(asked[1]))
    kept = [line for line in lines if not line.lstrip().startswith("#")]
    found.append((canonical(re.split("[=; ]", text)[0]), "\n".join(kept), via))
  return found


def part(lock: str, setup: str, names: list[str]) -> str:
  """The requirements of the package with these extras, and of these packages.

  Args:
    lock: its text.
    setup: the text of setup.cfg.
    names: extras of setup.cfg, or packages of the lock.

  Raises:
    ValueError: a name that is neither.
  """
  named, entries = extras(setup), blocks(lock)
  wanted, known = set(named[""]) | {"setuptools"}, {name for name, _, _ in entries}
  for name in names:
    if name not in named and canonical(name) not in known:
      raise ValueError(f"names: got {name!r}, wanted an extra of setup.cfg or a package of the "
                       f"lock. Extras are {', '.join(sorted(set(named) - {''}))}.")
    wanted |= named.get(name) or {canonical(name)}
  size = 0
  while size < len(wanted):
    size = len(wanted)
    wanted |= {name for name, _, via in entries if via & wanted}
  missing = sorted(wanted - known)
  if missing:
    raise ValueError(f"lock: got no {', '.join(missing)}, wanted all that setup.cfg names. Write "
                     "the lock again with .ci/lock.")
  return "\n".join(text for name, text, _ in entries if name in wanted) + "\n"


def main(argv: list[str]) -> int:
  """Prints the part."""
  if len(argv) < 2:
    print(__doc__, file=sys.stderr)
    return 2
  lock = ROOT / ".ci" / "constraints" / f"{argv[1]}.lock"
  try:
    print(part(lock.read_text(encoding="utf-8"), (ROOT / "setup.cfg").read_text(encoding="utf-8"),
               argv[2:]), end="")
  except (ValueError, FileNotFoundError) as error:
    print(f"locked.py: {error}", file=sys.stderr)
    return 2
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv))
