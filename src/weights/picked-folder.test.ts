import { describe, expect, it } from 'vitest';
import { openModelFolder } from './model-folder.ts';
import { modelFilesOf, type PickedFile, PickedFolder } from './picked-folder.ts';
import { modelFiles, ramp } from '../testing/model-of.ts';

const picked = (files: Record<string, string | Uint8Array<ArrayBuffer>>, folder = ''): PickedFile[] =>
  Object.entries(files).map(([name, body]) => ({ path: folder + name, blob: new Blob([body]) }));
const model = async (): Promise<Record<string, string | Uint8Array<ArrayBuffer>>> =>
  Object.fromEntries(
    Object.entries(await modelFiles()).map(([name, body]) => [
      name,
      typeof body === 'string' ? body : new Uint8Array(body),
    ]),
  );

describe('a picked folder', () => {
  it.each(['', 't5/', 'downloads/t5/'])('is opened as a model, from %j', async (folder) => {
    const files = [...picked(await model(), folder), ...picked({ 'config.json': '{}' }, `${folder}onnx/`)];
    const opened = await openModelFolder(new PickedFolder('t5', files));
    expect([opened.config, opened.commit, opened.fromCache]).toEqual([{ model_type: 't5' }, null, true]);
    expect(await opened.readTensor('shared.weight')).toEqual(ramp(200));
  });

  it('reads weights in parts, never as a whole', async () => {
    const read: number[] = [];
    const files = picked(await model()).map((file) => ({
      ...file,
      blob: Object.assign(file.blob, {
        slice: (begin: number, end: number) => {
          read.push(end - begin);
          return Blob.prototype.slice.call(file.blob, begin, end);
        },
        arrayBuffer: () => Promise.reject(new Error('all at once')),
      }),
    }));
    const opened = await openModelFolder(new PickedFolder('t5', files));
    await opened.readTensor('shared.weight');
    expect(Math.max(...read)).toBe(800);
  });

  it.each(['config.json', 'tokenizer.json', 'tokenizer_config.json'])('needs %s', async (name) => {
    const files = await model();
    delete files[name];
    await expect(openModelFolder(new PickedFolder('my t5', picked(files)))).rejects.toMatchObject({
      code: 'weights/not-found',
      message: `my t5 has no ${name}.`,
    });
  });

  it('says when its weights are in another format', async () => {
    const { 'model.safetensors': weights, ...files } = await model();
    const folder = new PickedFolder('t5', picked({ ...files, 'pytorch_model.bin': weights }));
    await expect(openModelFolder(folder)).rejects.toMatchObject({
      code: 'weights/no-safetensors',
      message: expect.stringContaining('pytorch_model.bin') as string,
    });
  });

  it('names a file that has changed since it was picked, and one that is too large', async () => {
    const [config] = picked({ 'config.json': '{}' });
    const gone = { slice: () => ({ arrayBuffer: () => Promise.reject(new DOMException('gone', 'NotReadableError')) }) };
    const changed = new PickedFolder('t5', [{ ...config, blob: Object.assign(config.blob, gone) }]);
    await expect(openModelFolder(changed)).rejects.toMatchObject({ code: 'weights/file-changed' });
    await expect(changed.file('config.json', 1)).rejects.toMatchObject({ code: 'weights/too-large' });
  });

  it('asks for the files again when there are none left', () => {
    expect(() => new PickedFolder('t5', [])).toThrow(/files of t5 are not at hand/);
  });
});

describe('modelFilesOf', () => {
  it('returns all files if none is a config.json, so that the error can name it', () => {
    const files = picked({ 'a.txt': '', 'b/c.txt': '' });
    expect(modelFilesOf(files)).toEqual(files);
  });
});
