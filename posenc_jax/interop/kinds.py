# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The kind of each layer, and the rotary settings of a kind."""

from collections.abc import Mapping
from typing import Any

from posenc_jax import _errors
from posenc_jax.interop.config import missing, number, size
from posenc_jax.interop.families import Family

FULL, SLIDING = "full_attention", "sliding_attention"


def of_layers(settings: Mapping, family: Family) -> list[str] | None:
  """The kind of each layer; None where all layers are alike.

  Raises:
    ValueError: layer_types of another length or of a wrong kind.
  """
  if not family.pattern:
    return None
  rule, *numbers = family.pattern
  given = settings.get("layer_types")
  free = rule == "every or none" and not settings.get("sliding_window")
  if given is not None and rule != "no rope" and not free:
    if not isinstance(given, list | tuple) or not all(isinstance(k, str) for k in given):
      raise _errors.value_error("layer_types", _errors.describe(given), "a list of names",
                                "Look at the model's config.json")
    count = size(settings, "num_hidden_layers", len(given))
    if len(given) != count:
      raise _errors.value_error("layer_types", f"{len(given)} names", f"one for each of {count} "
                                "layers", "num_hidden_layers says how many there are")
    return list(given)
  return RULES[rule](settings, size(settings, "num_hidden_layers"), *numbers)


def _every(settings, count, period, key=None):
  """Every n-th layer is full, the others slide."""
  n = size(settings, key, period) if key else period
  return [SLIDING if (i + 1) % n else FULL for i in range(count)]


def _every_and_last(settings, count, period):
  """As ``every``; the last layer is full as well."""
  return [*_every(settings, count, period)[:-1], FULL]


def _first(settings, count, period, key=None):
  """The first of every n layers is full, the others slide."""
  n = size(settings, key, period) if key else period
  return [SLIDING if i % n else FULL for i in range(count)]


def _late(settings, count, start, switch="use_sliding_window"):
  """Layers from max_window_layers on slide, if the switch is on."""
  if (switch and not settings.get(switch)) or not settings.get("sliding_window"):
    return [FULL] * count
  start = size(settings, "max_window_layers", start, least=0)
  return [SLIDING if i >= start else FULL for i in range(count)]


def _every_or_none(settings, count, period, key=None):
  """As ``every``; all layers are full, and turn, where there is no window."""
  if not settings.get("sliding_window"):
    return ["turning_attention"] * count
  if key is not None and isinstance(settings.get(key), str):  # "LLLG"
    name = settings[key]
    if name != "L" * (len(name) - 1) + "G":
      raise _errors.value_error(key, repr(name), "a number or letters L with one G at the end",
                                "Pass the config with layer_types")
    return _every(settings, count, len(name))
  return _every(settings, count, period, key)


def _no_rope(settings, count, period, turning=FULL):
  """no_rope_layers has 1 for layers that turn; without it every n-th one stands still."""
  given = settings.get("no_rope_layers")
  if not given:
    n = size(settings, "no_rope_layer_interval", period)
    given = [int((i + 1) % n != 0) for i in range(count)]
  if not isinstance(given, list | tuple) or len(given) != count:
    raise _errors.value_error("no_rope_layers", _errors.describe(given), f"{count} zeros and ones",
                              "Look at the model's config.json")
  still = FULL if turning != FULL else "still_attention"
  return [turning if g else still for g in given]


def _windowed(settings, count):
  """All layers slide where the config has a window."""
  return [SLIDING if settings.get("sliding_window") else FULL] * count


def _full(settings, count):
  """All layers are full unless layer_types says otherwise."""
  del settings
  return [FULL] * count


def _listed(settings, count):
  """The config must name the layers."""
  del count
  raise missing(settings, "layer_types")


def _mimo(settings, count):
  del settings
  return [FULL if i == 0 or (i + 1) % 6 == 0 else SLIDING for i in range(count)]


RULES = {"every": _every, "every and last": _every_and_last, "first": _first, "late": _late,
         "every or none": _every_or_none,
         "no rope": _no_rope, "windowed": _windowed, "full": _full, "listed": _listed,
         "mimo": _mimo}


def with_width(settings: Mapping, family: Family, kind: str | None) -> Mapping:
  """The settings with the width of the heads of one kind of layer as ``head_dim``.

  Raises:
    ValueError: layers of one kind whose heads differ in width.
  """
  if not family.widths:
    return settings
  key, default = family.widths.get(str(kind), ("head_dim", settings.get("head_dim")))
  width = size(settings, key, default)
  each = settings.get("per_layer_config")
  if isinstance(each, Mapping):
    named = of_layers(settings, family) or []
    given = {int(i): layer for i, layer in each.items() if isinstance(layer, Mapping)}
    widths = {size(given.get(i, {}), "head_dim", settings.get("head_dim"))
              for i, name in enumerate(named) if name == kind}
    if len(widths) != 1:
      raise _errors.value_error("per_layer_config", f"heads of widths {sorted(widths)} in "
                                f"{kind} layers", "one width", "Look at the model's config.json")
    width, = widths
  return {**settings, "head_dim": width}


def differ(settings: Mapping, family: Family) -> bool:
  """Whether the encoding may depend on the kind of layer."""
  given = settings.get("rope_scaling") or settings.get("rope_parameters")
  nested = isinstance(given, Mapping) and any(isinstance(v, Mapping) for v in given.values())
  rules = (family.still, family.widths, family.scaled is not None, isinstance(family.base, Mapping))
  return bool(family.pattern) and (nested or any(rules))


def parameters(settings: Mapping, family: Family, kind: str | None) -> dict[str, Any]:
  """The rotary settings of one kind of layer, its base among them.

  Raises:
    ValueError: settings for each of several kinds where the model has one, or the other way round.
    TypeError: settings that are no dict.
  """
  given = settings.get("rope_scaling") or settings.get("rope_parameters") or {}
  other = settings.get("rope_parameters")
  if other and other != given and other != family.sizes.get("rope_parameters"):
    raise _errors.value_error("rope_scaling, rope_parameters", "two that differ", "one of them",
                              "They are an older and a newer name of the same settings")
  if not isinstance(given, Mapping):
    raise _errors.type_error("rope_parameters", _errors.describe(given), "a dict",
                             "Look at the model's config.json")
  base = family_base(settings, family, kind)
  if not isinstance(family.base, Mapping):
    base = number(settings, "rope_theta", base)
  if any(isinstance(v, Mapping) for v in given.values()):
    nested = sorted(k for k, v in given.items() if isinstance(v, Mapping))
    if kind not in given:
      raise _errors.value_error("rope_parameters", f"settings for each of {nested}",
                                "the settings of one kind of layer", "Pass layer=, an index or one "
                                "of them" if family.pattern else "Pass the config with "
                                "rope_parameters set to one of them")
    given = given[kind]
  elif family.scaled is not None and kind not in family.scaled:
    given = {}
  rope = {k: v for k, v in dict(given).items() if v is not None}
  return {"rope_theta": base} | rope


def family_base(settings: Mapping, family: Family, kind: str | None) -> float:
  """The base where ``rope_theta`` is absent: an older name of it, or the family's default."""
  if isinstance(family.base, Mapping):
    if kind not in family.base:
      raise _errors.value_error("layer_types", repr(kind), "one of " + ", ".join(family.base),
                                "Look at the model's config.json")
    key, default = family.base[kind]
    if key is None and number(settings, "rope_theta", default) != default:
      raise _errors.value_error("rope_theta", settings["rope_theta"], f"{default:g}, the base of "
                                f"{kind} layers", "Does it hold for these layers too? Pass the "
                                "config with rope_parameters for each kind of layer")
    return number(settings, key, default) if key else default
  if family.base_key and settings.get("rope_theta", settings.get(family.base_key)
                                      ) != settings.get(family.base_key):
    raise _errors.value_error("rope_theta", settings["rope_theta"], f"the base in "
                              f"{family.base_key!r}", "Which of them is it? Keep that one")
  base = number(settings, family.base_key, family.base) if family.base_key else family.base
  return base * number(settings, family.ratio_key, 1.0) if family.ratio_key else base
