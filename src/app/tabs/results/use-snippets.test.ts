import { describe, expect, test } from 'vitest';
import type { RoundUse } from '../../../run/files/round-use.ts';
import { type Snippet, snippetsFor } from './use-snippets.ts';

const exampleOf = (prompt: string, text = prompt): NonNullable<RoundUse['example']> => ({
  prompt,
  text,
  answer: 'x',
  task: 'gloss',
});

const T5: RoundUse = {
  folder: 'logs_and_outputs/order_custom/outputs/1-gloss',
  model: 'google-t5/t5-small@main',
  commit: '0123456789abcdef0123456789abcdef01234567',
  isDecoderOnly: false,
  hasAdapter: true,
  hasWeights: false,
  isByPrompt: false,
  promptForm: 'raw',
  maxNewTokens: 4,
  learned: ['gloss'],
  tasks: [{ name: 'gloss' }, { name: 'chats', form: 'chat' }],
  example: { prompt: "Task:TC\nit's\nAnswer:", answer: 'plant', task: 'gloss', text: "it's" },
};

const codeOf = (id: Snippet['id'], use: Partial<RoundUse>, dtype: 'f32' | 'q8' = 'f32'): string =>
  snippetsFor({ ...T5, ...use }, { onnx: dtype, gguf: 'q8_0' }).find((snippet) => snippet.id === id)?.code ?? '';

// The programs are run by e2e/downloads.spec.ts and tools/package.
describe('programs that use a round', () => {
  test('name folders, model, revision and prompt of the run', () => {
    expect(codeOf('transformers.js', {})).toContain(`pipeline('text2text-generation', 'gorp-web-onnx-f32-gloss')`);
    expect(codeOf('transformers.js', {})).toContain(String.raw`"Task:TC\nit's\nAnswer:"`);
    expect(codeOf('optimum', {}, 'q8')).toContain('encoder_file_name="encoder_model_quantized.onnx"');
    expect(codeOf('peft', {})).toContain(`("google-t5/t5-small", revision="${T5.commit ?? ''}", dtype="float32")`);
    expect(codeOf('command-line', {})).toBe(
      `npx --no gorp-web generate --round "gorp-web-rounds/${T5.folder}" --task "gloss" --prompt "it's"\n`,
    );
  });

  test('say where to put a base model that cannot be fetched by name', () => {
    const needs = (model: string): string[] =>
      snippetsFor({ ...T5, model }, { onnx: 'f32', gguf: 'f16' }).map((one) => one.needs);
    expect(codeOf('peft', { model: 'picked:mine', commit: null })).toContain('from_pretrained("base-model")');
    expect(codeOf('command-line', { model: 'picked:mine' })).toContain(' --model "./base-model" ');
    expect(needs('picked:mine').filter((text) => text.includes('base-model'))).toHaveLength(2);
    // The embedded model comes with the command line, but Python does not know it.
    expect(codeOf('command-line', { model: 'embedded' })).not.toContain('--model');
    expect(needs('embedded').filter((text) => text.includes('base-model'))).toHaveLength(1);
    expect(needs('org/name').join(' ')).not.toContain('base-model');
  });

  test('name the GGUF file that the base model was read from', () => {
    const hub = codeOf('peft', { model: 'org/name:tiny-Q4_K_M.gguf', commit: null });
    expect(hub).toContain('("org/name", revision="main", gguf_file="tiny-Q4_K_M.gguf", dtype="float32")');
    const picked = { model: 'picked:my tiny.gguf', commit: null };
    expect(codeOf('peft', picked)).toContain('AutoTokenizer.from_pretrained("base-model", gguf_file="my tiny.gguf")');
    const onDisk = { model: '/home/me/models/my tiny.gguf', commit: null };
    expect(codeOf('peft', onDisk)).toContain('AutoTokenizer.from_pretrained("base-model", gguf_file="my tiny.gguf")');
    expect(codeOf('command-line', picked)).toContain(' --model "./base-model/my tiny.gguf" ');
    const { needs } = snippetsFor({ ...T5, ...picked }, { onnx: 'f32', gguf: 'f16' })[2];
    expect(needs).toContain('copy my tiny.gguf into base-model');
    expect(needs).toContain(' gguf.');
  });

  test('of a round with gates are those that hold gates', () => {
    for (const isDecoderOnly of [false, true]) {
      const shown = snippetsFor({ ...T5, isDecoderOnly, isByPrompt: true }, { onnx: 'f32', gguf: 'f16' });
      expect(shown.map(({ id }) => id)).toEqual(['transformers.js', 'optimum', 'command-line']);
    }
  });

  test('add weights trained in addition to an adapter, and omit PEFT without one', () => {
    const both = codeOf('peft', { hasWeights: true });
    expect(both).toContain('full_rank_weights.safetensors');
    expect(both).toContain('PeftModel');
    expect(codeOf('peft', {})).not.toContain('full_rank_weights.safetensors');
    expect(codeOf('peft', { hasAdapter: false, hasWeights: true })).not.toMatch(/peft/i);
  });

  test('prompt decoder-only models as in training, raw or by chat template, and decode greedily', () => {
    const raw = { isDecoderOnly: true } as const;
    const chat = { ...raw, promptForm: 'chat' } as const;
    expect(codeOf('transformers.js', raw)).toContain(
      'do_sample: false, repetition_penalty: 1, add_special_tokens: true',
    );
    expect(codeOf('transformers.js', chat)).toContain('generate([{ role: "user", content: prompt }], options)');
    expect(codeOf('optimum', chat)).toContain('apply_chat_template');
    expect(codeOf('peft', chat)).toContain('do_sample=False');
  });

  test('name the GGUF file for llama.cpp and what is built on it, for decoder-only models', () => {
    const llama = { isDecoderOnly: true, model: 'HuggingFaceTB/SmolLM2-135M@main' } as const;
    const file = 'gorp-web-gguf-q8_0-gloss/SmolLM2-135M-gloss-q8_0.gguf';
    expect(codeOf('ollama', llama)).toBe(
      `cd gorp-web-gguf-q8_0-gloss\nollama create gloss -f Modelfile.gloss\nollama run gloss "it's"\nollama create gloss-chat -f Modelfile\nollama run gloss-chat\n`,
    );
    expect(codeOf('llama.cpp', llama)).toContain(
      `llama-server -m SmolLM2-135M-gloss-q8_0.gguf --jinja --temp 0 -n 4 --chat-template-file gloss.jinja\n`,
    );
    // A prompt among the lines would run as commands in a shell.
    expect(codeOf('lm-studio', llama)).toBe(`lms import ${file}\nlms load --identifier gloss\nlms chat gloss\n`);
    const about = snippetsFor({ ...T5, ...llama }, { onnx: 'f32', gguf: 'f16' });
    for (const id of ['ollama', 'llama.cpp', 'lm-studio'] as const) {
      expect(about.find((one) => one.id === id)?.needs).toContain('were not run by this project');
    }
    expect(codeOf('ollama', {})).toBe('');
    expect(codeOf('wllama', llama)).toBe('');
  });

  test('run T5 as GGUF in wllama, whose script the prompt cannot end', () => {
    const code = codeOf('wllama', { example: exampleOf('a </script> "b"') });
    expect(code).toContain('gorp-web-gguf-q8_0-gloss/t5-small-gloss-q8_0.gguf');
    expect(code).toContain(String.raw`"a <\/script> \"b\""`);
  });
});

describe('a text of a test that would do more than be read', () => {
  test('stands in quotes that every shell reads alike, or is left out', () => {
    const said = (text: string): string => codeOf('ollama', { example: exampleOf('x', text), isDecoderOnly: true });
    expect(said('Where’s my train? (5 < 7) & so')).toContain('ollama run gloss "Where’s my train? (5 < 7) & so"\n');
    for (const text of [
      'say "hi"',
      'say “hi”',
      '100 %',
      '$HOME',
      '`id`',
      'wow!',
      'a\nb',
      'C:\\',
      '-rf',
      '\u001b[201~',
      '\u202e',
    ]) {
      expect(said(text), text).toContain('ollama run gloss "my text"\n');
      expect(codeOf('command-line', { example: exampleOf('x', text) }), text).toContain(
        ' --task "gloss" --prompt "my text"\n',
      );
    }
    const model = 'picked:100%.gguf';
    expect(codeOf('command-line', { model })).toContain(' --model "./base-model/FILE.gguf" ');
    expect(codeOf('command-line', { tasks: [] }), 'of an earlier version').toContain(' --prompt "my prompt"\n');
  });

  test('ends no script of a page, and hides nothing of a program', () => {
    const example = exampleOf('</script><!--<script>\u202e\u2066');
    const page = codeOf('wllama', { example });
    expect(page.match(/<\/?script|<!--/g)).toEqual(['<script', '</script']);
    expect(page).toContain(String.raw`<\/script>\u003c!--\u003cscript>\u202e\u2066`);
    for (const id of ['transformers.js', 'optimum', 'peft'] as const)
      expect(codeOf(id, { example })).toContain(String.raw`\u202e\u2066`);
  });
});
