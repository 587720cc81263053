"""Which request fields go where: what each server takes, and what nobody but the owner may set.

Sources: OpenAI's API reference; llama.cpp tools/server (README, server-schema); vLLM's protocol.py (sampling and extra
parameters) up to 0.32; Ollama's docs/api.md and openai compatibility page.
"""


def names(text: str) -> frozenset[str]:
    """A set of names from a list with spaces."""
    return frozenset(text.split())


_OUTPUT = (
    "model stream stream_options temperature top_p n stop seed max_tokens presence_penalty frequency_penalty"
    " logit_bias logprobs user"
)
CHAT = names(
    f"{_OUTPUT} messages max_completion_tokens top_logprobs tools tool_choice parallel_tool_calls functions"
    " function_call response_format reasoning_effort verbosity modalities audio prediction metadata store"
    " service_tier prompt_cache_key prompt_cache_retention safety_identifier"
)
COMPLETION = names(f"{_OUTPUT} prompt suffix echo")
EMBEDDING = names("model input encoding_format dimensions user")

_LOCAL = "top_k min_p typical_p repeat_penalty repetition_penalty ignore_eos chat_template_kwargs"
"""What the local servers share, each ignoring the other's spelling."""
LLAMACPP = names(
    f"{_LOCAL} top_n_sigma xtc_probability xtc_threshold dynatemp_range dynatemp_exponent repeat_last_n"
    " dry_multiplier dry_base dry_allowed_length dry_penalty_last_n dry_sequence_breakers mirostat mirostat_tau"
    " mirostat_eta adaptive_target adaptive_decay samplers min_keep n_probs post_sampling_probs grammar json_schema"
    " grammar_lazy cache_prompt t_max_predict_ms n_indent timings_per_token reasoning_format"
    " reasoning_budget_tokens thinking_budget_tokens continue_final_message add_generation_prompt return_tokens"
)
VLLM = names(
    "top_k min_p repetition_penalty ignore_eos length_penalty stop_token_ids include_stop_str_in_output min_tokens"
    " skip_special_tokens spaces_between_special_tokens allowed_token_ids bad_words add_special_tokens"
    " thinking_token_budget structured_outputs guided_json guided_regex guided_choice guided_grammar"
    " return_tokens_as_token_ids return_token_ids repetition_detection"
)
VLLM_CHAT = names("chat_template_kwargs add_generation_prompt continue_final_message include_reasoning")
VLLM_EMBEDDING = names("truncate_prompt_tokens truncation_side add_special_tokens use_activation")
HOSTED = names(
    "functions function_call verbosity modalities audio prediction metadata store service_tier prompt_cache_key"
    " prompt_cache_retention safety_identifier"
)
"""What OpenAI's own service does, and local servers leave unread without a word."""
OLLAMA = names(f"{_LOCAL} repeat_last_n think")

OURS = names("service_tier")
"""What the gateway itself does: never said to be ignored."""
STEERING = names(
    # the scheduler and its slots
    "priority id_slot slot_id request_id rid data_parallel_rank routed_dp_rank n_cache_reuse sse_ping_interval"
    # the cache, between requests and between machines
    " kv_transfer_params ec_transfer_params cache_salt extra_key session_params session_id bootstrap_host"
    " bootstrap_port bootstrap_room context n_keep n_discard num_keep"
    # the template and what is fed in past it
    " chat_template template raw prompt_embeds input_embeds input_ids documents chat_format chat_parser"
    " generation_prompt grammar_triggers preserved_tokens parse_tool_calls reasoning_budget_start_tag"
    " reasoning_budget_end_tag reasoning_budget_end_tags reasoning_budget_message reasoning_control"
    # files, adapters, processors, code
    " lora lora_path lora_request adapter_id draft_model logits_processors custom_logit_processor custom_params"
    " mm_processor_kwargs media_io_kwargs vllm_xargs multimodal_data return_hidden_states"
    # what is loaded and how
    " options num_ctx num_gpu num_thread num_batch main_gpu keep_alive ttl backend_sampling"
    # other names of limits that the bill relies on, and what would cut the usage out of the answer
    " n_predict num_predict n_cmpl best_of use_beam_search response_fields"
)
"""Refused with 400 where it is not in `accept:`: it steers the backend's scheduler, template, files or limits."""

TEMPLATE_NAMES = names(
    "chat_template tokenize conversation messages tools documents return_dict return_tensors padding truncation"
    " max_length add_generation_prompt continue_final_message return_assistant_tokens_mask tokenizer_kwargs"
)
"""Names inside chat_template_kwargs that are arguments of the tokenizer, not of the template."""
