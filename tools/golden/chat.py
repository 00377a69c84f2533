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
    # Thoughts as Qwen 3 has them: before the last answer, even if empty, and no longer before those of earlier turns.
    "thoughts": {
        "bos_token": None, "eos_token": "<|im_end|>",
        "chat_template": (
            "{%- set ns = namespace(last=messages | length - 1, open=true) %}\n"
            "{%- for message in messages[::-1] %}\n"
            "    {%- set index = (messages | length - 1) - loop.index0 %}\n"
            "    {%- if ns.open and message.role == 'user' and not (message.content.startswith('<tool>') and message.content.endswith('</tool>')) %}\n"
            "        {%- set ns.open = false %}\n"
            "        {%- set ns.last = index %}\n"
            "    {%- endif %}\n"
            "{%- endfor %}\n"
            "{%- for message in messages %}\n"
            "    {%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}\n"
            "    {%- if message.role != 'assistant' %}\n"
            "        {{- '<|im_start|>' ~ message.role ~ '\\n' ~ content ~ '<|im_end|>\\n' }}\n"
            "        {%- continue %}\n"
            "    {%- endif %}\n"
            "    {%- set thought = '' %}\n"
            "    {%- if message.reasoning_content is string %}\n"
            "        {%- set thought = message.reasoning_content %}\n"
            "    {%- elif '</think>' in content %}\n"
            "        {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}\n"
            "        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}\n"
            "    {%- endif %}\n"
            "    {%- if loop.index0 > ns.last and (loop.last or thought) %}\n"
            "        {{- '<|im_start|>assistant\\n<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}\n"
            "    {%- else %}\n"
            "        {{- '<|im_start|>assistant\\n' + content }}\n"
            "    {%- endif %}\n"
            "    {{- '<|im_end|>\\n' }}\n"
            "{%- endfor %}\n"
            "{%- if add_generation_prompt %}\n"
            "    {{- '<|im_start|>assistant\\n' }}\n"
            "    {%- if enable_thinking is defined and enable_thinking is false %}\n"
            "        {{- '<think>\\n\\n</think>\\n\\n' }}\n"
            "    {%- endif %}\n"
            "{%- endif %}\n"
        ),
    },
    # What a loop has written stays after `continue`, as in EXAONE 4; a macro sees nothing of the loop that calls it.
    "continue": {
        "bos_token": None, "eos_token": "<end>",
        "chat_template": (
            "{%- set names = {'user': '[user]', 'assistant': '[assistant]', 'system': '[system]'} %}\n"
            "{%- macro turn(role, end='<end>\\n') %}{{ names[role] }}{{ caller() }}{{ end }}{{ message is defined }}{% endmacro %}\n"
            "{%- for i in range(messages | length) %}\n"
            "    {%- set message = messages[i] %}\n"
            "    {%- if i == 0 and message.role == 'system' %}\n"
            "        {{- names['system'] }}{{ message.content }}<end>\n"
            "\n"
            "        {%- continue %}\n"
            "    {%- endif %}\n"
            "    {%- if message.role == 'assistant' %}{%- set label = 'A' %}{%- endif %}\n"
            "    {%- call turn(message.role) %}{{ label }}{{ message.content.split('</think>')[-1].strip() }}{% endcall %}\n"
            "{%- else %}nobody\n"
            "{%- endfor %}\n"
            "{%- if add_generation_prompt %}{{ '[assistant]' }}{{ '<think>\\n' if enable_thinking is true }}{%- endif %}\n"
        ),
    },
    # An empty text is not false, as in Command R; strip, title, capitalize and truth are Python's.
    "falsehood": {
        "bos_token": "<s>", "eos_token": "</s>",
        "chat_template": (
            "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}{% set system = messages[0]['content'] %}"
            "{% elif false == true %}{% set turns = messages %}{% set system = 'none' %}{% else %}{% set turns = messages %}{% set system = false %}{% endif %}"
            "{% if system != false %}{{ '[S]' + system + eos_token }}{% endif %}{% for message in turns %}"
            "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
            "{{ '[' + message['role'].title() + ']' + message['content'].strip() + eos_token }}"
            "{{ loop.previtem is defined }}{{ message.missing }}{{ none }}{{ '' == false }}{{ 'x' if message.content }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '[Assistant]' }}{% endif %}"
        ),
    },
    # Written with the line ends of Windows, and with blocks on lines of their own.
    "windows": {
        "bos_token": None, "eos_token": "<end>",
        "chat_template": (
            "{# a comment\r\n on two lines #}\r\n"
            "{% for message in messages %}\r\n"
            "  {% if message.role == 'user' %}\r\n"
            "User:\r\n{{ message.content }}\r\n"
            "\t{%- else -%}\r\n"
            "  {{ message.role | capitalize }}:\r{{ message.content | trim('\\n') }}<end>\r\n"
            "  {% endif %}\r\n"
            "{% endfor %}\r\n"
            "{%+ if add_generation_prompt %}Assistant:\r\n{% endif %}\r\n"
        ),
    },
    # What the assistant says is in a block of its own, with the white space of its tags.
    "generation": {
        "bos_token": "<s>", "eos_token": "</s>",
        "chat_template": (
            "{{ bos_token }}\n"
            "{% for message in messages %}\n"
            "    {{- '<' ~ message.role ~ '>' }}\n"
            "    {%- if message.role == 'assistant' %}\n"
            "        {% generation %}\n"
            "  {{ message.content.lstrip() }}{% set said = true %}{{ eos_token }}\n"
            "        {%- endgeneration -%}\n"
            "    {% else %}{{ message['content'] }}{{ '/' ~ loop.index ~ said }}\n"
            "    {% endif %}\n"
            "{% endfor %}\n"
            "{% if add_generation_prompt %}<assistant>{% endif %}\n"
        ),
    },
    # Lists, filters and methods as Python has them.
    "values": {
        "bos_token": "<s>", "eos_token": "</s>",
        "chat_template": (
            "{%- set asked = messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list %}\n"
            "{{- asked | length ~ ':' ~ asked | join('|') | replace('\\n', '\\\\n') | upper }}\n"
            "{%- if messages | rejectattr('role', 'eq', 'user') %};always{% endif %}\n"
            "{%- for message in messages %}\n"
            "    {%- set words = message.content.split() %}\n"
            "    {{- '\\n' ~ loop.revindex ~ ' ' ~ words | length ~ ' ' ~ message.content | length ~ ' ' ~ words[:2] | join('_') }}\n"
            "    {{- ' ' ~ message.content | tojson ~ ' ' ~ message | tojson(indent=1, ensure_ascii=true) }}\n"
            "    {{- ' ' ~ message.content.rsplit(' ', 1)[-1] ~ ' ' ~ message.content.split('\\n', 1)[0] ~ ' ' ~ message.content[::-1] }}\n"
            "    {{- ' ' ~ message.content.startswith(('<', ' ')) ~ message.get('name', 'nobody') ~ message.name ~ (message.content is string) }}\n"
            "    {%- for key, value in message | dictsort %}{{ '\\n' ~ key ~ '=' ~ value | indent(3) }}{% endfor %}\n"
            "    {%- if loop.index > 2 %}{% break %}{% endif %}\n"
            "{%- endfor %}\n"
            "{%- if add_generation_prompt %}{{ '\\n' + eos_token }}{% endif %}\n"
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
    "empty system": [{"role": "system", "content": ""}, {"role": "user", "content": "Is it so?"}, {"role": "assistant", "content": ""}],
    "line ends": [
        {"role": "system", "content": "Be\r\nbrief.\r\n"}, {"role": "user", "content": "\r\na\rb\n"}, {"role": "assistant", "content": "\n\nc\r\n"},
    ],
    "odd spaces": [
        {"role": "user", "content": "\u00a0a\u3000b\x85"}, {"role": "assistant", "content": "\x1c\ufeffc\u2028 \u200b"}, {"role": "user", "content": "\t \x0b"},
    ],
}
# Thoughts as models write them, and as people copy them.
for _name, _answer in {
    "a thought": "<think>\nIs it?\n</think>\n\nIt is.",
    "a thought in a line": "<think>Is it?</think>It is.",
    "a thought with spaces": "<think> \n\n Is it? \n\n\n</think>\n\n\n It is.",
    "an empty thought": "<think>\n\n</think>\n\nIt is.",
    "two thoughts": "<think>One.</think>So.<think>Two.</think>It is.",
    "an end of a thought": "Is it?</think>It is.",
}.items():
    CONVERSATIONS[_name] = [{"role": "user", "content": "Is it so?"}, {"role": "assistant", "content": _answer}]
    CONVERSATIONS[f"{_name} earlier"] = [
        *CONVERSATIONS[_name], {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "<think>\nWell.\n</think>\n\nSince."},
    ]


def write_chat(path: Path) -> None:
    """Every template with every conversation, with and without the opening of an answer. A refusal is an `error`."""
    found = {}
    for name, template in TEMPLATES.items():
        tokens = {key: value for key, value in template.items() if key != "chat_template" and value is not None}
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), **tokens)
        tokenizer.chat_template = template["chat_template"]
        asks = "enable_thinking" in template["chat_template"]
        renderings = []
        for conversation, messages in CONVERSATIONS.items():
            for opened in (False, True):
                for more in ({}, {"enable_thinking": False}, {"enable_thinking": True}) if asks and opened else ({},):
                    case = {"conversation": conversation, "add_generation_prompt": opened, **more}
                    try:
                        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=opened, **more)
                        renderings.append({**case, "text": text})
                    except Exception as error:  # a template refuses by raise_exception
                        renderings.append({**case, "error": str(error)})
        found[name] = {**template, "renderings": renderings}
    write_json(path, {"conversations": CONVERSATIONS, "templates": found}, compact=True)


# Templates that mark what the assistant says; their thoughts are like those of Qwen 3, SmolLM 3 and DeepSeek R1.
MASKED = {
    "last thought": (
        "{{ bos_token }}{% for m in messages %}{% if m.role != 'assistant' %}{{ '[' + m.role + ']\\n' + m.content + eos_token + '\\n' }}{% else %}"
        "{{ '[assistant]\\n' }}{% set thought = m.content.split('</think>')[0].split('<think>')[-1].strip() if '</think>' in m.content else '' %}"
        "{% set answer = m.content.split('</think>')[-1].strip() %}{% if loop.last and not thought %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
        "{% generation %}{% if loop.last and thought %}{{ '<think>\\n' + thought + '\\n</think>\\n\\n' }}{% endif %}{{ answer + eos_token }}{% endgeneration %}"
        "{{ '\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '[assistant]\\n' }}"
        "{% if enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}"
    ),
    "mode": (
        "{% set mode = 'off' if enable_thinking is false else 'on' %}{{ '[system]\\nThoughts: ' + mode + eos_token }}{% for m in messages %}"
        "{{ '\\n[' + m.role + ']\\n' }}{% if m.role == 'assistant' %}{% if mode == 'off' %}{{ '<think>\\n\\n</think>\\n' }}{% endif %}"
        "{% generation %}{{ m.content + eos_token }}{% endgeneration %}{% else %}{{ m.content + eos_token }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '\\n[assistant]\\n' }}{% if mode == 'off' %}{{ '<think>\\n\\n</think>\\n' }}{% endif %}{% endif %}"
    ),
    "no thought": (
        "{{ bos_token }}{% for m in messages %}{{ '[' + m.role + ']' }}{% if m.role == 'assistant' %}"
        "{% generation %}{{ m.content.split('</think>')[-1] + eos_token }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '[assistant]<think>\\n' }}{% endif %}"
    ),
}


def write_chat_masks(path: Path, tokenizers: Path) -> None:
    """
    The tokens of conversations that end with an answer, and which of them the assistant said last: the mask of
    transformers, by `{% generation %}`. Thoughts are on where the answer has one.
    """
    cases = []
    for folder in ("byte-level-qwen", "byte-level-llama3", "byte-level-smollm2", "byte-fallback-llama2", "byte-fallback-gemma"):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizers / folder)
        for name, template in MASKED.items():
            for conversation, messages in CONVERSATIONS.items():
                if messages[-1]["role"] != "assistant" or messages[0]["role"] == "assistant" or messages[-1]["content"].strip() == "":
                    continue
                # As the project reads rows: without white space around turns.
                turns = [{**message, "content": message["content"].strip()} for message in messages]
                thought, closed, _ = turns[-1]["content"].partition("</think>")
                # With thoughts off, "mode" would write an empty one before the empty one of the answer.
                thinks = closed != "" and (thought.replace("<think>", "").strip() != "" or name == "mode")
                found = tokenizer.apply_chat_template(
                    turns, chat_template=template, return_dict=True, return_assistant_tokens_mask=True, enable_thinking=thinks,
                )
                ids, mask = found["input_ids"], found["assistant_masks"]
                # Only the last of the turns: where its run of ones begins.
                end = len(mask) - mask[::-1].index(1)
                begin = end
                while begin > 0 and mask[begin - 1] == 1:
                    begin -= 1
                cases.append({"tokenizer": folder, "template": name, "conversation": conversation, "turns": turns, "ids": ids, "begin": begin, "end": end})
    write_json(path, {"templates": MASKED, "cases": cases}, compact=True)
