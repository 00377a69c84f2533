import { describe, expect, test } from 'vitest';
import { GorpError } from '../base/errors.ts';
import { chooseDevice, factsAhead } from './choice.ts';

const CARD_LIMITS = { maxBufferSize: 7, maxStorageBufferBindingSize: 5 };

/** An adapter with this info. */
const adapterOf = (info: Partial<GPUAdapterInfo>): GPUAdapter =>
  ({
    info: { vendor: '', architecture: '', device: '', description: '', ...info },
    limits: CARD_LIMITS,
  }) as unknown as GPUAdapter;

const finding =
  (adapter: GPUAdapter | null): (() => Promise<GPU | undefined>) =>
  () =>
    Promise.resolve({ requestAdapter: () => Promise.resolve(adapter) } as unknown as GPU);

/** As in browsers without the attribute. */
const WITHOUT_INFO = { limits: CARD_LIMITS, features: new Set() } as unknown as GPUAdapter;
const CARD = adapterOf({ vendor: 'acme', architecture: 'rocket' });
const NO_WEBGPU = (): Promise<undefined> => Promise.resolve(undefined);

describe('the automatic choice', () => {
  test.each([
    ['a graphics card', finding(CARD), 'webgpu', 'hardware'],
    ['SwiftShader', finding(adapterOf({ architecture: 'swiftshader' })), 'wasm', 'software-adapter'],
    ['llvmpipe', finding(adapterOf({ description: 'llvmpipe (LLVM 19)' })), 'wasm', 'software-adapter'],
    ['a fallback adapter without a name', finding(adapterOf({ isFallbackAdapter: true })), 'wasm', 'software-adapter'],
    ['no adapter', finding(null), 'wasm', 'no-adapter'],
    ['no WebGPU', NO_WEBGPU, 'wasm', 'no-webgpu'],
    [
      'no Dawn in Node',
      () => Promise.reject(new GorpError('gpu/no-dawn', 'It is not installed.', 'Install it.')),
      'wasm',
      'no-webgpu',
    ],
    [
      'a browser whose search fails',
      () => Promise.resolve({ requestAdapter: () => Promise.reject(new Error('no')) } as unknown as GPU),
      'wasm',
      'no-adapter',
    ],
  ] as const)('with %s', async (_, webgpu, kind, why) => {
    expect(await chooseDevice('auto', webgpu)).toMatchObject({ kind, why });
  });

  test('takes an adapter without info for a graphics card', async () => {
    const chosen = await chooseDevice('auto', finding(WITHOUT_INFO));
    expect(chosen).toMatchObject({ kind: 'webgpu', why: 'hardware' });
    expect(factsAhead(chosen)).toMatchObject({ vendor: '', architecture: '', description: '', software: false });
  });

  test('states what the device can hold', async () => {
    expect((await chooseDevice('auto', finding(CARD))).limits).toEqual({ buffer: 5, total: null });
    const { limits } = await chooseDevice('auto', NO_WEBGPU);
    expect(limits.total).toBeGreaterThan(4.2e9);
    expect(limits.total).toBeLessThan(2 ** 32);
  });

  test('does not choose the CPU because of a bug', async () => {
    await expect(chooseDevice('auto', () => Promise.reject(new TypeError('oops')))).rejects.toThrow('oops');
  });
});

describe('the user’s choice', () => {
  test('is the CPU even if there is a graphics card', async () => {
    expect(await chooseDevice('cpu', finding(CARD))).toMatchObject({ kind: 'wasm', why: 'asked' });
  });

  test('is the GPU even if it is software', async () => {
    const chosen = await chooseDevice('gpu', finding(adapterOf({ architecture: 'swiftshader' })));
    expect(chosen).toMatchObject({ kind: 'webgpu', why: 'asked' });
  });

  test('reports a missing GPU with the next step', async () => {
    await expect(chooseDevice('gpu', finding(null))).rejects.toMatchObject({ code: 'gpu/no-adapter' });
    await expect(chooseDevice('gpu', NO_WEBGPU)).rejects.toMatchObject({ code: 'gpu/unsupported' });
  });
});
