# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Settings of the site. From the root of a clone, with the extra [docs]:

    python -m sphinx -W --keep-going -j auto docs build/site
"""

import os
import pathlib
import sys

DOCS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]
# Programs of the pictures run once, so XLA's optimiser is left out: half the time.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 "
                      "--xla_llvm_disable_expensive_passes=true")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from posenc_jax import __version__  # noqa: E402

project = "posenc_jax"
author = "The posenc_jax Authors"
project_copyright = f"2026 {author}"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "_site"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["_site", "_build"]
# The pages of docs/results are written by scripts; a tree without them is a site all the same.
suppress_warnings = ["toc.empty_glob"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Optional methods and attributes", "params_style")]
python_maximum_signature_line_length = 88
add_module_names = False

html_theme = "furo"
html_title = f"posenc_jax {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": False}
