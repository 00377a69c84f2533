import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PrivateFileSystem } from '../../testing/private-file-system.ts';
import {
  keepModel,
  keptModels,
  openKept,
  openPlace,
  type Picked,
  type Places,
  rememberPlace,
  removeKept,
} from './kept-models.ts';
import { pickedFrom } from './dropped-files.ts';

const file = (name: string, path = ''): File => Object.assign(new File(['x'], name), { webkitRelativePath: path });

describe('pickedFrom', () => {
  it('takes a folder and its name, or single files', () => {
    const folder = pickedFrom([file('config.json', 't5/config.json'), file('w', 't5/onnx/w')]);
    expect([folder.name, folder.files.map(({ path }) => path)]).toEqual(['t5', ['t5/config.json', 't5/onnx/w']]);
    expect(pickedFrom([file('config.json'), file('model.safetensors')]).name).toBe('files');
    expect(pickedFrom([file('tiny-Q4_0.gguf')]).name).toBe('tiny-Q4_0.gguf');
  });
});

describe('a copy of a model', () => {
  const picked: Picked = {
    name: 'my model/7B.gguf',
    files: [{ path: 'my model/7B.gguf', blob: new Blob(['GGUF and more']) }],
  };
  let disk: PrivateFileSystem;
  beforeEach(() => void (disk = new PrivateFileSystem()));
  afterEach(() => vi.unstubAllGlobals());

  it('is found again, whole, until it is removed', async () => {
    const told: number[] = [];
    await keepModel(picked, (bytes) => told.push(bytes));
    expect(told.at(-1)).toBe(13);
    expect(await keptModels()).toEqual([{ name: picked.name, bytes: 13 }]);
    const [file] = (await openKept(picked.name)) ?? [];
    expect([file.path, await file.blob.text()]).toEqual(['my model/7B.gguf', 'GGUF and more']);
    await keepModel(picked, () => undefined);
    expect(await keptModels(), 'in place of the one before').toHaveLength(1);
    await removeKept(picked.name);
    expect([await keptModels(), await openKept(picked.name)]).toEqual([[], null]);
  });

  it('is not half there: a full browser keeps nothing of it, wherever it stops', async () => {
    await keepModel(picked, () => undefined);
    const { changes } = disk;
    expect(changes).toBeGreaterThan(4);
    for (let at = 1; at <= changes; at++) {
      disk = new PrivateFileSystem();
      disk.full(at);
      await expect(
        keepModel(picked, () => undefined),
        `change ${at}`,
      ).rejects.toMatchObject({ code: 'store/quota' });
      expect(await keptModels(), `change ${at}`).toEqual([]);
    }
  });
});

describe('the place of a model on the disk', () => {
  // A database of Node cannot hold stand-ins of handles.
  const database = new Map<string, readonly FileSystemFileHandle[]>();
  const places: Places = {
    get: (name) => Promise.resolve(database.get(name)),
    set: (name, handles) => Promise.resolve(database.set(name, handles)),
  };
  const handle = (permission: () => PermissionState, getFile: () => Promise<File>): FileSystemFileHandle =>
    ({
      name: '7B.gguf',
      queryPermission: () => Promise.resolve(permission()),
      requestPermission: () => Promise.resolve<PermissionState>('granted'),
      getFile,
    }) as unknown as FileSystemFileHandle;

  it('is remembered: its file is read again, after a question if the browser wants one', async () => {
    let permission: PermissionState = 'prompt';
    await rememberPlace(
      '7B.gguf',
      [
        handle(
          () => permission,
          () => Promise.resolve(file('7B.gguf')),
        ),
      ],
      places,
    );
    expect(await openPlace('7B.gguf', false, places), 'not without a click').toBe('locked');
    expect(await openPlace('7B.gguf', true, places)).toMatchObject([{ path: '7B.gguf' }]);
    permission = 'granted';
    expect(await openPlace('7B.gguf', false, places)).toMatchObject([{ path: '7B.gguf' }]);
    expect(await openPlace('another.gguf', true, places)).toBeNull();
  });

  it('stays remembered while its file cannot be read, as on a disk that is away', async () => {
    let isThere = false;
    const read = (): Promise<File> =>
      isThere ? Promise.resolve(file('7B.gguf')) : Promise.reject(new DOMException('gone', 'NotFoundError'));
    await rememberPlace('7B.gguf', [handle(() => 'granted', read)], places);
    expect(await openPlace('7B.gguf', false, places)).toBeNull();
    isThere = true;
    expect(await openPlace('7B.gguf', false, places)).toMatchObject([{ path: '7B.gguf' }]);
  });
});
