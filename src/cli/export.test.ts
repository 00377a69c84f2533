import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UsageError } from './exit.ts';
import { exportModel } from './export.ts';

let folder: string;
let written: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gorp-export-'));
  written = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

describe('gorp-web export', () => {
  it('writes the embedded model as ONNX', async () => {
    const out = join(folder, 'out');
    expect(await exportModel(['--model', 'embedded', '--out', out, '--dtype', 'q8', '--json'])).toBe(0);
    expect(JSON.parse(written.join(''))).toMatchObject({ type: 'exported', dtype: 'q8', fitsOnnxruntimeWeb: true });
    expect(readdirSync(join(out, 'onnx')).sort()).toEqual([
      'decoder_model_merged_quantized.onnx',
      'decoder_model_merged_quantized.onnx_data',
      'encoder_model_quantized.onnx',
      'encoder_model_quantized.onnx_data',
    ]);
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config['transformers.js_config']).toMatchObject({ dtype: 'q8' });
    // An existing model is not overwritten.
    await expect(exportModel(['--model', 'embedded', '--out', out])).rejects.toMatchObject({
      code: 'run/out-is-taken',
    });
  });

  it('replaces no file', async () => {
    const own = join(folder, 'tokenizer_config.json');
    writeFileSync(own, 'Mine.');
    await expect(exportModel(['--model', 'embedded', '--out', folder])).rejects.toMatchObject({
      code: 'run/out-is-taken',
      message: expect.stringContaining('tokenizer_config.json') as string,
    });
    expect(readdirSync(folder)).toEqual(['tokenizer_config.json']);
    expect(readFileSync(own, 'utf8')).toBe('Mine.');
  });

  it.each([
    [['--model', 'embedded']],
    [['--out', 'x']],
    [['--model', 'embedded', '--out', 'x', '--dtype', 'q3']],
    [['--model', 'embedded', '--out', 'x', '--format', 'mlx']],
    [['--model', 'embedded', '--out', 'x', '--format', 'gguf', '--dtype', 'q8']],
    [['--model', 'embedded', '--out', 'x', '--format', 'gguf', '--adapter']],
    [['--round', 'x', '--out', 'y', '--adapter']],
    [['--model', 'embedded', '--format', 'gguf', '--answers']],
    [['--round', 'x', '--format', 'gguf', '--adapter', '--answers']],
    [['--round', 'x', '--out', 'y', '--device', 'cpu']],
    [['--model', 'embedded', '--out', 'x', 'y']],
  ])('does not understand %j', async (args) => {
    await expect(exportModel(args)).rejects.toBeInstanceOf(UsageError);
  });

  it('refuses a folder that is not a round, and leaves nothing behind', async () => {
    const out = join(folder, 'out');
    await expect(exportModel(['--round', folder, '--out', out])).rejects.toMatchObject({ code: 'run/bad-round' });
    expect(readdirSync(folder)).toEqual([]);
  });
});
