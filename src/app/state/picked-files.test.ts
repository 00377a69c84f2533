import { describe, expect, it } from 'vitest';
import { pickedFrom } from './models.ts';

const file = (name: string, path = ''): File => Object.assign(new File(['x'], name), { webkitRelativePath: path });

describe('pickedFrom', () => {
  it('takes a folder and its name, or single files', () => {
    const folder = pickedFrom([file('config.json', 't5/config.json'), file('w', 't5/onnx/w')]);
    expect([folder?.name, folder?.files.map(({ path }) => path)]).toEqual(['t5', ['t5/config.json', 't5/onnx/w']]);
    expect(pickedFrom([file('config.json'), file('model.safetensors')])?.name).toBe('files');
    expect(pickedFrom([file('tiny-Q4_0.gguf')])?.name).toBe('tiny-Q4_0.gguf');
    expect(pickedFrom([])).toBeNull();
  });
});
