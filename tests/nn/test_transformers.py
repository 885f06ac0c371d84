# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Where torch and transformers are installed: files that they write, read and compared with them.

The goldens hold one draw of each model; here weights, sizes and tokens are other ones, and the way
is a user's: `save_pretrained`, a folder, `load_hf` or the command.
"""

import importlib.util
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from posenc_jax import nn
from tests.support.repository import ROOT

pytestmark = [
  pytest.mark.slow, pytest.mark.filterwarnings("ignore"),
  pytest.mark.skipif(any(importlib.util.find_spec(name) is None
                         for name in ("torch", "transformers", "safetensors")),
                     reason="torch, transformers or safetensors is not installed")]

SIZES = dict(vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=3,
             num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=48,
             pad_token_id=0, bos_token_id=1, eos_token_id=2)
PLAIN = {k: v for k, v in SIZES.items() if k != "num_key_value_heads"}
GPT2 = dict(vocab_size=96, n_embd=32, n_layer=3, n_head=4, n_positions=48, bos_token_id=1,
            eos_token_id=2)
SLIDING = ["sliding_attention", "full_attention", "sliding_attention"]
MODELS = {
  "Llama": SIZES, "Mistral": SIZES | dict(sliding_window=5), "Qwen2": SIZES,
  "Qwen3": SIZES | dict(head_dim=8), "GPTNeoX": PLAIN | dict(rotary_pct=0.25), "GPT2": GPT2,
  "Gemma2": SIZES | dict(head_dim=8, layer_types=SLIDING, sliding_window=5),
  "Olmo2": SIZES, "Phi3": SIZES, "Cohere": SIZES,
  "SmolLM3": SIZES | dict(no_rope_layers=[1, 1, 0]),
  "Bloom": dict(vocab_size=96, hidden_size=32, n_layer=3, n_head=4),
}


@pytest.fixture(scope="module", params=MODELS)
def written(request, tmp_path_factory):
  """(torch, a model of transformers, the folder that it was saved to)."""
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch
    import transformers

    torch.manual_seed(7)
    config = getattr(transformers, f"{request.param}Config")(**MODELS[request.param])
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    folder = tmp_path_factory.mktemp(request.param)
    model.eval().save_pretrained(folder)
  return torch, model, folder


def test_logits(written):
  torch, model, folder = written
  tokens = np.random.default_rng(3).integers(3, 96, (2, 21))
  with torch.no_grad():
    wanted = model(torch.tensor(tokens)).logits.numpy()
  found = jax.jit(nn.load_hf(folder).__call__)(jnp.asarray(tokens, jnp.int32))
  assert abs(np.asarray(found) - wanted).max() < 1e-4 and np.std(wanted) > 1e-3


def test_the_command_writes_what_their_generate_writes(written):
  torch, model, folder = written
  prompt, steps = [5, 17, 40, 8], 12
  with torch.no_grad():
    wanted = model.generate(torch.tensor([prompt]), max_new_tokens=steps, do_sample=False,
                            eos_token_id=None, pad_token_id=0)[0].tolist()
  done = subprocess.run(
    [sys.executable, "-m", "experiments.generate", f"--hf={folder}", "--temperature=0", "--noeos",
     f"--tokens={','.join(map(str, prompt))}", f"--steps={steps}"],
    cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
  assert done.returncode == 0, done.stderr
  assert [int(word) for word in done.stdout.split()] == wanted
