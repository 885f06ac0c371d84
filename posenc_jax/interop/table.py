# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""One row for each model type: what its config leaves unsaid about its position encoding.

The first numbers of a row are the defaults of the model's class: hidden size, heads, width of a
head (or of its part that turns), positions, layers. ``families`` says what the other words mean;
``tests/goldens/measure_hf.py`` compares each row with the model's own code.
"""

from posenc_jax.interop.families import Family, Scores, axial, refused, rotary
from posenc_jax.interop.kinds import FULL, SLIDING

SLIDE = "sliding_window"
PLAIN = Scores()
WINDOWED = Scores(window=SLIDE)
TABLED = {"keys": ("num_position_embeddings",), "note": "a learned table is added as well"}
_LOCAL = {"rope_type": "default", "rope_theta": 1e4}
GEMMA4 = {"pattern": ("every and last", 6), "base": {SLIDING: (None, 1e4), FULL: (None, 1e6)},
          "widths": {FULL: ("global_head_dim", 512)}, "more": {"rope_parameters": {
              SLIDING: _LOCAL, FULL: {"rope_type": "proportional", "partial_rotary_factor": 0.25,
                                    "rope_theta": 1e6}}}}
EMBEDDING_GEMMA2 = GEMMA4 | {"more": {"rope_parameters": {
    SLIDING: _LOCAL, FULL: {"rope_type": "default", "rope_theta": 1e6}}}}
NO_ROPE = ("no_rope_layers", "no_rope_layer_interval")
HUNYUAN = ("alpha", "beta_fast", "beta_slow", "mscale", "mscale_all_dim")

FAMILIES: dict[str, Family] = {
    "afmoe": rotary(2048, 16, 128, 16384, 32, pattern=("every", 4, "global_attn_every_n_layers"),
        still=(FULL,), scores=WINDOWED, more={"sliding_window": 1024}),
    "apertus": rotary(4096, 32, None, 65536, 32, scores=PLAIN,
        more={
            "rope_parameters": {"rope_type": "llama3", "rope_theta": 12000000.0, "factor": 8.0,
            "original_max_position_embeddings": 8192, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0}}),
    "arcee": rotary(2560, 32, None, 4096, 32, scores=PLAIN),
    "aria_text": rotary(4096, 32, None, 2048, 32),
    "axk1": rotary(7168, 64, 64, 32768, 61, pairing="rope_interleave", head="qk_rope_head_dim"),
    "axk2": rotary(2048, 32, 32, 131072, 48, pairing="interleaved", head="qk_rope_head_dim"),
    "bailing_hybrid": rotary(2560, 32, 64, 262144, 42, base=6e+06, pairing="interleaved",
        head="qk_rope_head_dim"),
    "bamba": rotary(4096, 32, None, 262144, 32, fraction=0.5),
    "beam": rotary(5120, 48, 128, 8192, 52, pattern=("listed",), still=(FULL,),
        more={
            "rope_parameters": {"sliding_attention": {"rope_type": "default",
            "rope_theta": 10000.0}, "full_attention": None}}),
    "bitnet": rotary(2560, 20, None, 2048, 30, base=500000, scores=PLAIN),
    "blt_global_transformer": rotary(2048, 16, None, 4096, 25, base=500000, pairing="interleaved"),
    "blt_local_decoder": rotary(1024, 16, None, 24576, 9, base=500000, pairing="interleaved"),
    "blt_local_encoder": rotary(1024, 16, None, 24576, 1, base=500000, pairing="interleaved"),
    "blt_patcher": rotary(768, 12, None, 8192, 14, pairing="interleaved"),
    "chameleon": rotary(4096, 32, None, 4096, 32),
    "clvp_encoder": refused("Keys, queries and values turn, by one table. Which dims?"),
    "cohere": rotary(8192, 64, None, 8192, 40, base=500000, pairing="interleaved", scores=PLAIN),
    "cohere2": rotary(8192, 64, None, 8192, 40, pairing="interleaved", head=None,
        pattern=("every", 4, "sliding_window_pattern"), still=(FULL,), scores=WINDOWED,
        more={"sliding_window": 4096}),
    "cohere2_moe": refused(
        "The first layers have a pattern of their own (first_k_dense_replace). Which "
        "layers turn?"),
    "cohere_compass_text": refused(
        "Its bases stand in rope_parameters of each layer kind, or nowhere. Which layers "
        "turn?"),
    "cohere_compass_vision": axial(1152, 16, **TABLED),
    "cosmos3_edge_text": rotary(2048, 16, 128, 131072, 28, base=1e+08, sections=(24, 20, 20),
        interleaved=True),
    "csm": rotary(2048, 32, None, 2048, 16, base=500000, scores=PLAIN),
    "cwm": rotary(6144, 48, 128, 131072, 64, pattern=("first", 4), scores=WINDOWED,
        more={
            "rope_parameters": {"rope_theta": 1000000.0, "factor": 16.0, "high_freq_factor": 4.0,
            "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
            "rope_type": "llama3"}, "sliding_window": 8192}),
    "dbrx": rotary(2048, 16, None, 2048, inner="attn_config"),
    "deepseek_ocr2_text": rotary(4096, 32, None, 2048, 32, head=None),
    "deepseek_v2": rotary(4096, 32, 64, 2048, 32, pairing="interleaved", head="qk_rope_head_dim",
        scores=Scores("mla"), more={"qk_nope_head_dim": 128}),
    "deepseek_v3": rotary(7168, 128, 64, 4096, 61, pairing="rope_interleave",
        head="qk_rope_head_dim", scores=Scores("mla"), more={"qk_nope_head_dim": 128}),
    "deepseek_v32": rotary(7168, 128, 64, 163840, 61, pairing="interleaved",
        head="qk_rope_head_dim"),
    "deepseek_v4": refused(
        "Two bases, one for compressed keys, the last dims of a head, and outputs turned "
        "back: build it from px.on_dims, Rotary and VORotary"),
    "dia_decoder": rotary(2048, 16, 128, 3072, 18),
    "dia_encoder": rotary(1024, 16, 128, 1024, 12),
    "diffllama": rotary(2048, 32, None, 2048, 16),
    "diffusion_gemma_text": rotary(2304, 8, 256, 131072, 30, **GEMMA4),
    "dinov3_vit": refused(
        "Patch centres in [-1, 1] turn the dims, row and column, and class tokens stand "
        "still. Build MRotary with 2 pi / period"),
    "doge": rotary(1024, 8, None, 2048, 32),
    "dots1": rotary(4608, 32, None, 2048, 62, pattern=("late", 62, None)),
    "dots3_note_audio_encoder": refused("Its audio rotation was not compared"),
    "dots3_note_text": refused(
        "Head counts and widths differ a layer, in per_layer_config. Which layer is "
        "meant?"),
    "dots3_note_vision_encoder": axial(1536, 24),
    "edgetam_video": refused("Its axial rotation was not compared"),
    "efficientloftr": refused("Rows and columns turn all channels before they are cut into heads"),
    "embedding_gemma2_text": rotary(512, 4, 256, 262144, 24, **EMBEDDING_GEMMA2),
    "emu3_text_model": rotary(4096, 32, None, 9216, 32, base=1e+06),
    "eomt_dinov3": refused(
        "Patch centres in [-1, 1] turn the dims, row and column, and class tokens stand "
        "still. Build MRotary with 2 pi / period"),
    "ernie4_5": rotary(1024, 16, 128, 131072, 18, base=500000, pairing="interleaved", scores=PLAIN),
    "ernie4_5_moe": rotary(2560, 20, None, 131072, 28, base=500000, pairing="interleaved",
        scores=PLAIN),
    "ernie4_5_vl_moe_text": refused(
        "Height and width take turns in one block of pairs and time has the rest: build "
        "MRotary with its axes"),
    "ernie4_5_vl_moe_vision": axial(1280, 16),
    "esm": rotary(768, 12, None, 1026, 12, needs=("position_embedding_type", "rotary"),
        unscaled=True),
    "esmc": rotary(2560, 40, None, 2048, 80),
    "eurobert": rotary(768, 12, None, 8192, 12),
    "evolla": rotary(4096, 32, None, 8192, 32, base=500000),
    "exaone4": rotary(4096, 32, None, 2048, 32,
        pattern=("every or none", 4, "sliding_window_pattern"), still=(FULL,), scores=WINDOWED,
        more={"sliding_window": 4096}),
    "exaone4_5_vision": axial(3584, 16),
    "exaone_moe": rotary(4096, 32, None, 2048, 32,
        pattern=("every or none", 4, "sliding_window_pattern"), still=(FULL,), scores=WINDOWED,
        more={"sliding_window": 4096}),
    "falcon": rotary(4544, 71, None, 2048, 32, alibi_key="alibi", scores=PLAIN),
    "falcon_h1": rotary(4096, 32, None, 8192, 32),
    "flex_olmo": rotary(4096, 32, None, 4096, 32, base=500000, scores=PLAIN),
    "flint": rotary(2048, 32, 128, 262144, 49, pattern=("listed",), still=(FULL,)),
    "gemma": rotary(3072, 16, 256, 8192, 28, scores=PLAIN),
    "gemma2": rotary(2304, 8, 256, 8192, 26, pattern=("every", 2),
        scores=Scores("^query_pre_attn_scalar", SLIDE, cap="attn_logit_softcapping"),
        more={
            "sliding_window": 4096, "query_pre_attn_scalar": 256, "attn_logit_softcapping": 50.0}),
    "gemma3_text": rotary(2304, 8, 256, 131072, 26, pattern=("every", 6, "sliding_window_pattern"),
        base={SLIDING: ("rope_local_base_freq", 1e4), FULL: ("rope_theta", 1e6)}, scaled=(FULL,),
        scores=Scores("^query_pre_attn_scalar", SLIDE, cap="attn_logit_softcapping",
            off=("use_bidirectional_attention",)),
        more={"sliding_window": 4096, "query_pre_attn_scalar": 256}),
    "gemma3n_text": rotary(2048, 8, 256, 32768, 35, pattern=("every", 5),
        base={SLIDING: ("rope_local_base_freq", 1e4), FULL: ("rope_theta", 1e6)}, scaled=(FULL,),
        scores=Scores("one", SLIDE), more={"sliding_window": 512}),
    "gemma4_text": rotary(2304, 8, 256, 131072, 30, **GEMMA4),
    "gemma4_unified_text": rotary(2304, 8, 256, 262144, 30, **GEMMA4),
    "gemma4_vision": refused(
        "Rows and columns turn the pairs in an order of its own, which was not compared"),
    "glm": rotary(4096, 32, 128, 131072, 40, fraction=0.5, pairing="interleaved", scores=PLAIN),
    "glm4": rotary(4096, 32, 128, 131072, 40, fraction=0.5, pairing="interleaved", scores=PLAIN),
    "glm4_moe": rotary(4096, 96, None, 131072, 46, fraction=0.5, scores=PLAIN),
    "glm4_moe_lite": rotary(2048, 20, 64, 202752, 47, pairing="rope_interleave",
        head="qk_rope_head_dim"),
    "glm4v_moe_text": rotary(4096, 96, None, 65536, 46, fraction=0.5, sections=(8, 12, 12)),
    "glm4v_moe_vision": axial(1536, 12),
    "glm4v_text": rotary(4096, 32, None, 32768, 40, fraction=1.0, pairing="interleaved",
        sections=(8, 12, 12)),
    "glm4v_vision": axial(1536, 12),
    "glm5_next_vision": axial(1024, 16),
    "glm_image_text": rotary(4096, 32, None, 131072, 40, fraction=1.0, sections=(8, 12, 12)),
    "glm_moe_dsa": rotary(6144, 64, 64, 202752, 78, pairing="interleaved", head="qk_rope_head_dim"),
    "glm_ocr_text": rotary(1024, 16, None, 131072, 16, fraction=1.0, pairing="interleaved",
        sections=(8, 12, 12)),
    "glm_ocr_vision": axial(1024, 16),
    "glmasr_encoder": rotary(1280, 20, None, 1500, 32, fraction=0.5),
    "gpt_neox": rotary(6144, 64, None, 2048, 44, fraction=0.25, base_key="rotary_emb_base",
        fraction_key="rotary_pct", scores=PLAIN),
    "gpt_neox_japanese": rotary(2560, 32, None, 2048, 32, base_key="rotary_emb_base",
        fraction_key="rotary_pct"),
    "gpt_oss": rotary(2880, 64, 64, 131072, 36, base=150_000.0, pattern=("every", 2),
        scores=Scores(window=SLIDE, sinks=("*",)),
        more={
            "rope_parameters": {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0,
            "beta_slow": 1.0, "truncate": False, "original_max_position_embeddings": 4096},
            "sliding_window": 128}),
    "gradium_phonon_tts": rotary(768, 12, None, 8192, 6),
    "granite": rotary(4096, 32, None, 2048, 32, scores=Scores("attention_multiplier"),
        more={"attention_multiplier": 1.0}),
    "granite_docling_text": rotary(1024, 16, None, 32768, 28),
    "granite_swa": refused(
        "The base of each layer stands in a list, layer_rope_theta, with 0 for none"),
    "granitemoe": rotary(4096, 32, None, 2048, 32, scores=Scores("attention_multiplier"),
        more={"attention_multiplier": 1.0}),
    "granitemoe_swa": refused(
        "The base of each layer stands in a list, layer_rope_theta, with 0 for none"),
    "granitemoehybrid": rotary(4096, 32, None, 2048, 32,
        needs=("position_embedding_type", "rope", None, "nope"),
        note="rope only where position_embedding_type says so"),
    "granitemoeshared": rotary(4096, 32, None, 2048, 32, scores=Scores("attention_multiplier"),
        more={"attention_multiplier": 1.0}),
    "gte": rotary(768, 12, None, 8192, 12, base=160000),
    "helium": rotary(2560, 20, 128, 4096, 24, base=100000, pairing="interleaved", scores=PLAIN),
    "higgs_audio_v2": rotary(3072, 24, 128, 2048, 28,
        more={
            "rope_parameters": {"factor": 32.0, "rope_theta": 500000.0, "high_freq_factor": 0.5,
            "low_freq_factor": 0.125, "original_max_position_embeddings": 1024,
            "rope_type": "llama3"}}),
    "hrm_text": rotary(1536, 12, 128, 2048, 16),
    "hunyuan_v1_dense": rotary(4096, 32, None, 2048, 32, parameters=HUNYUAN, scores=PLAIN),
    "hunyuan_v1_moe": rotary(4096, 32, None, 2048, 32, parameters=HUNYUAN, scores=PLAIN),
    "hunyuan_vl_text": refused("Positions have four axes. Which pairs turn by which?"),
    "hy_v3": rotary(4096, 64, 128, 131072, 80, base=11_158_840.0),
    "hy_v4": rotary(2816, 32, 64, 262144, 34, head="qk_rope_head_dim"),
    "hyperclovax": rotary(4096, 32, None, 2048, 32),
    "idefics": rotary(4096, 32, None, 2048, 32),
    "inkling2_vision": refused(
        "Rows and columns turn the pairs in an order of its own, which was not compared"),
    "jais2": rotary(3328, 26, None, 8192, 32),
    "jetmoe": rotary(2048, 32, 128, 4096, 12, head="kv_channels", scores=PLAIN),
    "jina_embeddings_v3": rotary(1024, 16, None, 8194, 24, base=20000),
    "kimi_k25_vision": refused(
        "Rows and columns turn the pairs in an order of its own, which was not compared"),
    "kolibri1": rotary(2560, 48, 128, 262144, 50, pattern=("every or none", 5), still=(FULL,),
        scores=WINDOWED, more={"sliding_window": 513}),
    "kyutai_speech_to_text": rotary(2048, 32, None, 750, 48),
    "laguna": rotary(2048, 48, 128, 131072, 40, fraction=1.0, pattern=("full",),
        more={
            "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 500000.0,
            "partial_rotary_factor": 0.5}, "sliding_attention": {"rope_type": "default",
            "rope_theta": 10000.0, "partial_rotary_factor": 1.0}}}),
    "lasr_encoder": rotary(512, 8, None, 10000, 17),
    "lfm2": rotary(2560, 32, None, 128000, 32, base=1e+06),
    "lfm2_moe": rotary(2048, 32, None, 128000, 32, base=1e+06),
    "lfm3": rotary(2048, 16, 128, 128000, 24, pattern=("listed",),
        more={
            "rope_parameters": {"sliding_attention": {"rope_type": "default",
            "rope_theta": 10000.0}, "full_attention": {"rope_type": "proportional",
            "rope_theta": 1000000.0, "partial_rotary_factor": 0.5}}}),
    "lfm3_vl_vision": axial(1024, 16, base=1e+06),
    "llama": rotary(4096, 32, None, 2048, 32, scores=PLAIN),
    "llama4_text": rotary(5120, 40, 128, 131072, 48, base=500000, pairing="interleaved",
        pattern=("no rope", 4, "chunked_attention"), keys=NO_ROPE, still=(FULL,),
        scores=Scores(temperature="llama4"),
        more={
            "attn_temperature_tuning": True, "attn_scale": 0.1, "floor_scale": 8192,
            "attention_chunk_size": 8192}),
    "llama4_vision_model": refused(
        "Rows and columns of patches turn neighbouring pairs by turns; its rotation was "
        "not compared"),
    "longcat_flash": rotary(6144, 64, 64, 131072, base=1e+07, pairing="interleaved",
        head="qk_rope_head_dim"),
    "mellum": rotary(2304, 32, 128, 131072, 28, pattern=("full",),
        more={
            "rope_parameters": {"full_attention": {"rope_type": "default",
            "rope_theta": 500000.0}, "sliding_attention": {"rope_type": "default",
            "rope_theta": 10000.0}}}),
    "mimi": rotary(512, 8, None, 8000, 8),
    "mimo_v2_flash": rotary(4096, 64, 192, 131072, 48, pattern=("mimo",),
        base={FULL: (None, 5e6), SLIDING: ("swa_rope_theta", 1e4)}, fraction=0.334),
    "minicpm3": rotary(2560, 40, 32, 32768, 62, head="qk_rope_head_dim", scores=Scores("mla"),
        more={"qk_nope_head_dim": 64}),
    "minimax": refused(
        "MiniMax-Text-01's own code turns 64 dims (rotary_dim), the port in transformers "
        "all 128. Which weights are these? assume='minimax_m2' takes rotary_dim"),
    "minimax_m2": rotary(3072, 48, 128, 196608, 62, fraction=1.0, base=5e+06, dim_key="rotary_dim",
        scores=PLAIN),
    "minimax_m3_vl_text": rotary(6144, 64, 128, 524288, 60, fraction=1.0, base=5e+06),
    "minimax_m3_vl_vision": refused(
        "Rows and columns turn the pairs in an order of its own, which was not compared"),
    "ministral": rotary(4096, 32, None, 131072, 32, pattern=("windowed",), scores=WINDOWED,
        more={"sliding_window": 4096}),
    "ministral3": rotary(4096, 32, 128, 262144, 34, parameters=("llama_4_scaling_beta",),
        scores=Scores(temperature="ministral3"),
        more={
            "rope_parameters": {"rope_theta": 1000000.0, "factor": 16.0,
            "original_max_position_embeddings": 16384, "beta_fast": 32.0, "beta_slow": 1.0,
            "mscale_all_dim": 1.0, "mscale": 1.0, "llama_4_scaling_beta": 0.1,
            "rope_type": "yarn"}}),
    "mistral": rotary(4096, 32, None, 131072, 32, scores=Scores(window=SLIDE, everywhere=True),
        more={"sliding_window": 4096}),
    "mistral4": rotary(4096, 32, 64, 1048576, 36, pairing="rope_interleave",
        head="qk_rope_head_dim", parameters=("llama_4_scaling_beta",),
        more={
            "rope_parameters": {"rope_theta": 10000.0, "factor": 128.0,
            "original_max_position_embeddings": 8192, "beta_fast": 32.0, "beta_slow": 1.0,
            "mscale_all_dim": 1.0, "mscale": 1.0, "llama_4_scaling_beta": 0.1,
            "rope_type": "yarn"}}),
    "mistral_large4_text": refused(
        "The frequencies are weights (LeRoPE): build Rotary.from_frequencies from them"),
    "mixtral": rotary(4096, 32, None, 131072, 32, base=1e+06,
        scores=Scores(window=SLIDE, everywhere=True)),
    "mllama_text_model": rotary(4096, 32, None, 131072, 40, base=500000),
    "modernbert": rotary(768, 12, None, 8192, 22,
        pattern=("first", 3, "global_attn_every_n_layers"),
        base={FULL: ("global_rope_theta", 160_000.0), SLIDING: ("local_rope_theta", 1e4)},
        scores=Scores(window="local_attention", both=True), more={"local_attention": 128}),
    "modernbert-decoder": rotary(768, 12, None, 8192, 22,
        pattern=("first", 3, "global_attn_every_n_layers"),
        base={FULL: ("global_rope_theta", 160_000.0), SLIDING: ("local_rope_theta", 1e4)}),
    "molmo2_text": refused(
        "rope_scaling_layers names the layers whose rope is scaled: two encodings, by "
        "layer"),
    "moonshine": rotary(288, None, None, 512, fraction=0.9, pairing="interleaved"),
    "moonshine_streaming": refused(
        "Its class has rope_parameters that settings beside them do not replace, and rounds odd "
        "dims up. Which dims turn?"),
    "moshi": rotary(4096, 32, None, 3000, 32),
    "muse_glimmer_assistant": refused(
        "Its queries and keys have positions of their own. Which are meant?"),
    "muse_glimmer_text": refused("The base of each layer stands in a list, with 0 for none"),
    "muse_glimmer_vision": axial(1536, 16),
    "muse_spark_text": refused("The base of each layer stands in a list, with 0 for none"),
    "muse_spark_vision": axial(1536, 16),
    "musicflamingo": refused("Time in seconds turns the dims. What are the positions?"),
    "nanochat": rotary(768, 6, None, 2048, 12, sign=-1),
    "nemotron": rotary(6144, 48, None, 4096, 32, fraction=0.5, scores=PLAIN),
    "nemotron3_5_transcribe_asr_audio": refused(
        "Half of its dims turn only where partial_rotary_factor stands in "
        "rope_parameters. Does it?"),
    "nemotron3_diarization_audio": rotary(512, 8, None, 5000, 31, fraction=1.0),
    "neomme": rotary(1024, 16, 64, 16384, 17, fraction=1.0, pattern=("listed",),
        more={
            "rope_parameters": {"sliding_attention": {"rope_type": "default",
            "rope_theta": 10000.0, "partial_rotary_factor": 1.0},
            "full_attention": {"rope_type": "default", "rope_theta": 1000000.0,
            "partial_rotary_factor": 0.25}}}),
    "neucodec": rotary(1024, 16, 64, 4096, 12),
    "nomic_bert": rotary(768, 12, None, 2048, 12, base=1000),
    "olmo": rotary(4096, 32, None, 2048, 32, scores=PLAIN),
    "olmo2": rotary(4096, 32, None, 2048, 32, scores=PLAIN),
    "olmo3": rotary(4096, 32, None, 2048, 32, pattern=("every", 4), scaled=(FULL,),
        base={FULL: ("rope_theta", 5e5), SLIDING: (None, 5e5)}, scores=WINDOWED,
        more={"sliding_window": 4096}),
    "olmo_hybrid": rotary(3840, 30, None, 65536, 32),
    "olmoe": rotary(2048, 16, None, 4096, 16, scores=PLAIN),
    "openai_privacy_filter": rotary(640, 14, 64, 131072, 8, base=150_000.0, pairing="interleaved",
        more={
            "rope_parameters": {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0,
            "beta_slow": 1.0, "truncate": False, "original_max_position_embeddings": 4096}}),
    "paddleocr_vl_text": rotary(1024, 16, 128, 131072, 18, base=500000, sections=(16, 24, 24)),
    "paddleocr_vl_vision": axial(1152, 16),
    "pe_audio_encoder": rotary(1792, 14, 128, 10000, 6, base=20000, pairing="interleaved"),
    "pe_audio_video_encoder": rotary(1792, 14, 128, 10000, 6, base=20000, pairing="interleaved"),
    "pe_video_encoder": rotary(1792, 14, 128, 10000, 6, base=20000, pairing="interleaved"),
    "persimmon": rotary(4096, 64, None, 16384, 36, fraction=0.5, scores=PLAIN),
    "phi": rotary(2048, 32, None, 2048, 24, fraction=0.5, scores=PLAIN),
    "phi3": rotary(3072, 32, None, 4096, 32, fraction=1.0,
        scores=Scores(window=SLIDE, everywhere=True),
        more={"original_max_position_embeddings": 4096}),
    "phi4_multimodal": rotary(3072, 32, None, 131072, 32, fraction=1.0,
        more={"original_max_position_embeddings": 4096}),
    "phimoe": rotary(4096, 32, None, 131072, 32, base=1e+06,
        parameters=("short_mscale", "long_mscale"), scores=Scores(window=SLIDE, everywhere=True)),
    "pixtral": axial(1024, 16, alternate=True),
    "pocket_tts": rotary(1024, 16, None, 8192, 6),
    "pocket_tts_audio_tokenizer": rotary(512, 8, None, 8000, 2),
    "qwen2": rotary(4096, 32, None, 32768, 32, pattern=("late", 28), scores=WINDOWED),
    "qwen2_5_omni_dit": refused("Only the first head turns. Build px.on_heads(slice(0, 1), ..)"),
    "qwen2_5_omni_talker": rotary(3584, 28, 128, 32768, 28, base=1e+06, sections=(16, 24, 24)),
    "qwen2_5_omni_text": rotary(3584, 28, None, 32768, 28, base=1e+06, sections=(16, 24, 24)),
    "qwen2_5_omni_vision_encoder": axial(3584, 16),
    "qwen2_5_vl_text": rotary(8192, 64, None, 32768, 80, base=1e+06, sections=(16, 24, 24)),
    "qwen2_5_vl_vision": axial(3584, 16),
    "qwen2_moe": rotary(2048, 16, None, 32768, 24),
    "qwen2_vl_text": rotary(8192, 64, None, 32768, 80, base=1e+06, sections=(16, 24, 24)),
    "qwen2_vl_vision": axial(1280, 16, hidden="embed_dim"),
    "qwen3": rotary(4096, 32, 128, 32768, 32, pattern=("late", 28), scores=WINDOWED),
    "qwen3_5_moe_text": rotary(2048, 16, 256, 32768, 40, fraction=0.25, sections=(11, 11, 10),
        interleaved=True),
    "qwen3_5_moe_vision": axial(1152, 16, **TABLED),
    "qwen3_5_text": rotary(4096, 16, 256, 32768, 32, fraction=0.25, sections=(11, 11, 10),
        interleaved=True),
    "qwen3_5_vision": axial(1152, 16, **TABLED),
    "qwen3_moe": rotary(2048, 32, None, 32768, 24, pattern=("late", 28), scores=WINDOWED),
    "qwen3_next": rotary(2048, 16, 256, 32768, 48, fraction=0.25),
    "qwen3_omni_moe_text": rotary(2048, 28, None, 32768, 28, base=1e+06, sections=(24, 20, 20),
        interleaved=True),
    "qwen3_omni_moe_vision_encoder": axial(1152, 16, **TABLED),
    "qwen3_vl_moe_text": rotary(2048, 16, None, 128000, 24, base=500000, sections=(24, 20, 20),
        interleaved=True),
    "qwen3_vl_moe_vision": axial(1152, 16, **TABLED),
    "qwen3_vl_text": rotary(4096, 32, 128, 128000, 32, base=500000, sections=(24, 20, 20),
        interleaved=True),
    "qwen3_vl_vision": axial(1152, 16, **TABLED),
    "qwen4_exp_text": refused(
        "The default sections of M-RoPE do not fill its head. Which axis turns the other "
        "pairs?"),
    "qwen4_exp_vision": axial(1152, 16, **TABLED),
    "recurrent_gemma": rotary(2560, 10, None, None, 26, fraction=0.5),
    "roformer": refused("With rotary_value its values turn as well; its rotation was not compared"),
    "sam2_video": refused("Its axial rotation was not compared"),
    "sam3_tracker_video": refused("Its axial rotation was not compared"),
    "sapiens2": refused(
        "Patch centres in [-1, 1] turn the dims, row and column, and class tokens stand "
        "still. Build MRotary with 2 pi / period"),
    "seamless_m4t": refused(
        "position_embeddings_type may be rotary or relative; its rotation was not "
        "compared"),
    "seed_oss": rotary(4096, 80, 128, 524288, 64, scores=PLAIN),
    "smollm3": rotary(2048, 16, None, 32768, 36, base=2e+06, pattern=("no rope", 4), keys=NO_ROPE,
        still=("still_attention",), scores=Scores(off=("use_sliding_window",))),
    "solar_open": rotary(4096, 64, 128, 131072, 48, fraction=1.0, base=1e+06),
    "stablelm": rotary(2560, 32, None, 4096, 32, fraction=0.25, scores=PLAIN),
    "starcoder2": rotary(3072, 24, None, 4096, 30, scores=Scores(window=SLIDE, everywhere=True)),
    "step3p5": refused("Bases and dims differ a layer. Which layer is meant?"),
    "step3p5_vision": refused(
        "Rows and columns turn the pairs in an order of its own, which was not compared"),
    "step3p7": refused("Bases and dims differ a layer. Which layer is meant?"),
    "t5_gemma_module": rotary(2304, 8, 256, 8192, 26),
    "t5gemma2_text": rotary(2304, 8, 256, 131072, 26,
        pattern=("every", 6, "sliding_window_pattern"),
        base={SLIDING: ("rope_local_base_freq", 1e4), FULL: ("rope_theta", 1e6)}, scaled=(FULL,)),
    "timesfm2_5": rotary(1280, 16, 80, 16384, 20),
    "ultrabert": rotary(4096, 32, None, 32768, 32, pattern=("listed",),
        more={
            "rope_parameters": {"sliding_attention": {"rope_type": "default",
            "rope_theta": 10000.0}, "full_attention": {"rope_type": "default",
            "rope_theta": 2560000.0}}}),
    "unlimited_ocr_text": rotary(1280, 10, None, 32768, 12, head=None),
    "vaultgemma": rotary(2304, 8, 256, 8192, 26, pattern=("every", 2),
        scores=Scores("^query_pre_attn_scalar", SLIDE, cap="attn_logit_softcapping"),
        more={
            "sliding_window": 4096, "query_pre_attn_scalar": 256, "attn_logit_softcapping": 50.0}),
    "video_llama_3_vision": axial(768, 12),
    "vjepa2": refused(
        "Three axes turn thirds of a head, and its code repeats the angles in another "
        "order than the pairs"),
    "voxtral_realtime_encoder": rotary(1280, 32, 64, 1500, 32),
    "voxtral_realtime_text": rotary(4096, 32, None, 131072, 32),
    "xcodec2": rotary(1024, 16, 64, 4096, 12),
    "youtu": rotary(2048, 16, 64, 131072, 32, pairing="rope_interleave", head="qk_rope_head_dim"),
    "zamba2": rotary(2560, 32, None, 4096, 54, head="attention_head_dim",
        needs=("use_mem_rope", True, False, None), note="None without use_mem_rope"),
    "zaya": rotary(2048, 8, 128, 131072, 40, fraction=1.0, pattern=("listed",),
        more={
            "rope_parameters": {"hybrid": {"rope_type": "default", "rope_theta": 5000000.0,
            "partial_rotary_factor": 0.5}, "hybrid_sliding": {"rope_type": "default",
            "rope_theta": 10000.0, "partial_rotary_factor": 0.5}}}),
}

# Types under another name, flat files of composites, and types whose code comes with the weights.
FAMILIES |= {
    "gptj": rotary(4096, 16, None, 2048, 28, dim_key="rotary_dim", pairing="interleaved",
                   unscaled=True, scores=PLAIN, more={"rotary_dim": 64}),
    "codegen": rotary(4096, 16, None, 2048, 28, dim_key="rotary_dim", pairing="interleaved",
                      unscaled=True, scores=PLAIN, more={"rotary_dim": 64}),
    "chatglm": Family(head="kv_channels", halved=True, unscaled=True, pairing="interleaved",
                      ratio_key="rope_ratio",
                      keys=("original_rope",), note="the code of ChatGLM2, 3, GLM-4-9b-chat"),
    "nomic_bert": rotary(768, 12, None, 2048, 12, unscaled=True, base=1000.0,
                         base_key="rotary_emb_base",
                         fraction_key="rotary_emb_fraction", pairing="rotary_emb_interleaved",
                         keys=("rotary_emb_scale_base", "rotary_scaling_factor"),
                         more={"rotary_emb_interleaved": False}),
    "wav2vec2-conformer": rotary(768, 12, None, None, 12, base_key="rotary_embedding_base",
                                 unscaled=True, needs=("position_embeddings_type", "rotary"),
                                 more={"position_embeddings_type": "relative"}),
    "wav2vec2-bert": rotary(1024, 16, None, None, 24, base_key="rotary_embedding_base",
                            unscaled=True, needs=("position_embeddings_type", "rotary"),
                            more={"position_embeddings_type": "relative_key"}),
    "internlm": rotary(),
    "internlm2": rotary(),
    "minicpm": rotary(),
    "kimi_k2": FAMILIES["deepseek_v3"],
    "qwen2_vl": FAMILIES["qwen2_vl_text"],
    "qwen2_5_vl": FAMILIES["qwen2_5_vl_text"],
    "qwen": refused("Qwen 1 stretches its base by the length (use_dynamic_ntk) and scales queries "
                    "by log n (use_logn_attn): assume='llama' with rope_theta gives what holds "
                    "below seq_length"),
    "baichuan": refused("7B turns q and k as Llama does, assume='llama'; 13B has ALiBi, "
                        "px.Alibi(num_attention_heads). Which is it?"),
    "minimax_text_01": FAMILIES["minimax"],
    "bloom": Family("alibi", keys=("offset_alibi",)),
    "mpt": Family("alibi", inner="attn_config",
                  keys=("rope_impl", "rope_dail_config", "rope_hf_config")),
    "jamba": Family("none"),
    "nemotron_h": Family("none"),
    "zamba": Family("none"),
}
_TABLE = "Its table is among the weights: "
FAMILIES |= {
    **dict.fromkeys(["t5", "mt5", "umt5", "longt5", "switch_transformers", "pop2piano", "udop"],
                    refused(_TABLE + "px.T5Bias(relative_attention_bias.weight, bidirectional)")),
    **dict.fromkeys(["deberta", "deberta-v2", "sew-d"],
                    refused(_TABLE + "px.deberta_bucket picks the rows of rel_embeddings.weight")),
    **dict.fromkeys(["bert", "gpt2", "gpt_neo", "electra", "albert", "vit", "clip", "gpt_bigcode"],
                    refused(_TABLE + "px.Learned(position_embeddings.weight)")),
    **dict.fromkeys(["roberta", "xlm-roberta", "camembert"],
                    refused(_TABLE + "px.Learned(position_embeddings.weight, offset=2)")),
    **dict.fromkeys(["opt", "bart", "mbart"],
                    refused(_TABLE + "px.Learned(embed_positions.weight, offset=2)")),
    "vit_mae": refused(_TABLE + "a table of sines, rows beside columns"),
    "whisper": refused("The encoder adds a table that the weights hold, px.sinusoidal(layout="
                       "'halves', divisor='last'); the decoder has px.Learned(embed_positions."
                       "weight)"),
    **dict.fromkeys(["xlnet"], refused("Its biases and projection of distances are weights: "
                                       "px.TransformerXL(u, v, w_r)")),
}
