"""Chat templates in the style of known models, written for this project, and the texts that transformers renders."""
from pathlib import Path

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from files import write_json

# Spaces of the templates' own lines are removed by `-`, as in published ones.
TEMPLATES = {
    "chatml": {
        "bos_token": None, "eos_token": "<|im_end|>",
        "chat_template": (
            "{%- if messages[0].role != 'system' -%}\n"
            "    {{- '<|im_start|>system\\nAnswer in a word.<|im_end|>\\n' -}}\n"
            "{%- endif -%}\n"
            "{%- for message in messages -%}\n"
            "    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' -}}\n"
            "{%- endfor -%}\n"
            "{%- if add_generation_prompt -%}\n"
            "    {{- '<|im_start|>assistant\\n' -}}\n"
            "    {%- if enable_thinking is defined and enable_thinking is false -%}{{- '<think>\\n\\n</think>\\n\\n' -}}{%- endif -%}\n"
            "{%- endif -%}"
        ),
    },
    "llama3": {
        "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>",
        "chat_template": (
            "{{- bos_token }}\n"
            "{%- set ns = namespace(count=0) %}\n"
            "{%- for message in messages %}\n"
            "    {%- set ns.count = ns.count + 1 %}\n"
            "    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}\n"
            "    {{- message['content'] | trim + '<|eot_id|>' }}\n"
            "{%- endfor %}\n"
            "{%- if add_generation_prompt %}\n"
            "    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n"
            "{%- endif %}\n"
        ),
    },
    # The assistant is called model, a system text goes in front of the first turn, roles have to take turns.
    "gemma": {
        "bos_token": "<bos>", "eos_token": "<eos>",
        "chat_template": (
            "{{ bos_token }}\n"
            "{%- if messages[0]['role'] == 'system' -%}\n"
            "    {%- set front = messages[0]['content'] + '\\n\\n' -%}\n"
            "    {%- set turns = messages[1:] -%}\n"
            "{%- else -%}\n"
            "    {%- set front = '' -%}\n"
            "    {%- set turns = messages -%}\n"
            "{%- endif -%}\n"
            "{%- for message in turns -%}\n"
            "    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}\n"
            "        {{ raise_exception('Roles must take turns: user, assistant, user, …') }}\n"
            "    {%- endif -%}\n"
            "    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}\n"
            "    {{ '<start_of_turn>' + role + '\\n' + (front if loop.first else '') }}\n"
            "    {{- message['content'] | trim }}\n"
            "    {{- '<end_of_turn>\\n' }}\n"
            "{%- endfor -%}\n"
            "{%- if add_generation_prompt -%}\n"
            "    {{ '<start_of_turn>model\\n' }}\n"
            "{%- endif -%}\n"
        ),
    },
    # Older templates: the end token by name, no system turn.
    "instruct": {
        "bos_token": "<s>", "eos_token": "</s>",
        "chat_template": (
            "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
            "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token }}"
            "{% else %}{{ raise_exception('Only user and assistant turns are known.') }}{% endif %}{% endfor %}"
        ),
    },
}

_PROMPT = "Task:TC\nDataset:agnews\nWhich topic?\nOption: World, Sports \nThe {cup} final & more…\n\nAnswer:"
CONVERSATIONS = {
    "prompt": [{"role": "user", "content": _PROMPT}],
    "prompt and label": [{"role": "user", "content": _PROMPT}, {"role": "assistant", "content": "Sports"}],
    "spaces": [{"role": "user", "content": "  two spaces \n"}, {"role": "assistant", "content": " very negative"}],
    "template signs": [{"role": "user", "content": "{{ bos_token }} {% if %} <|im_end|> \\n 'q' \"d\""}],
    "two turns": [
        {"role": "user", "content": "☃?"}, {"role": "assistant", "content": "snow"}, {"role": "user", "content": "再?"},
    ],
    "system": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Yes or no?"}],
    "assistant first": [{"role": "assistant", "content": "Hello"}],
}


def write_chat(path: Path) -> None:
    """Every template with every conversation, with and without the opening of an answer. A refusal is an `error`."""
    found = {}
    for name, template in TEMPLATES.items():
        tokens = {key: value for key, value in template.items() if key != "chat_template" and value is not None}
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), **tokens)
        tokenizer.chat_template = template["chat_template"]
        renderings = []
        for conversation, messages in CONVERSATIONS.items():
            for opened in (False, True):
                for more in ({}, {"enable_thinking": False}) if name == "chatml" and opened else ({},):
                    case = {"conversation": conversation, "add_generation_prompt": opened, **more}
                    try:
                        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=opened, **more)
                        renderings.append({**case, "text": text})
                    except Exception as error:  # a template refuses by raise_exception
                        renderings.append({**case, "error": str(error)})
        found[name] = {**template, "renderings": renderings}
    write_json(path, {"conversations": CONVERSATIONS, "templates": found})
