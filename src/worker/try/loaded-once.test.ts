import { expect, it } from 'vitest';
import { loadedOnce } from './loaded-once.ts';

it('loads once what can be loaded, and again what could not', async () => {
  const asked: string[] = [];
  let isOnline = false;
  const load = loadedOnce((key: string) => {
    asked.push(key);
    return isOnline ? Promise.resolve(`${key}, loaded`) : Promise.reject(new Error('offline'));
  });
  await expect(load('wasm')).rejects.toThrow('offline');
  isOnline = true;
  expect(await Promise.all([load('wasm'), load('wasm')])).toEqual(['wasm, loaded', 'wasm, loaded']);
  expect(await load('webgpu')).toBe('webgpu, loaded');
  expect(asked).toEqual(['wasm', 'wasm', 'webgpu']);
});
