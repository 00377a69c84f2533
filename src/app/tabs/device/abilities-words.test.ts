import { expect, test } from 'vitest';
import { ABILITIES } from '../../testing/scripted-bench.ts';
import { adapterFacts, browserFacts, cpuFacts, type Fact } from './DeviceTab.tsx';

type Adapter = NonNullable<typeof ABILITIES.adapter>;
const CARD = ABILITIES.adapter as Adapter;

const factOf = (facts: readonly Fact[], name: string): string => {
  const { value, follows } = facts.find((fact) => fact.name.startsWith(name)) ?? { value: '', follows: '' };
  return `${value}: ${follows}`;
};
const of = (name: string, change: Partial<Adapter> = {}): string => factOf(adapterFacts({ ...CARD, ...change }), name);

test('a graphics card, and a software adapter', () => {
  expect(of('Kind')).toBe('Graphics card: A run uses it unless you choose CPU as the device.');
  expect(of('Kind', { software: true })).toContain('WebAssembly is faster');
  expect(of('Vendor')).toContain('nvidia, ampere');
  expect(of('Vendor', { vendor: '', architecture: '' })).toContain('not reported');
});

test('16-bit floats and timestamps, with and without', () => {
  expect(of('16-bit floats')).toMatch(/^yes: .*can be f16/);
  expect(of('16-bit floats', { features: [] })).toMatch(/^no: .*stay at f32/);
  expect(of('Timestamps')).toMatch(/^yes/);
  expect(of('Timestamps', { features: [] })).toMatch(/^no: .*takes longer/);
});

test('a buffer is as large as the smaller of two limits', () => {
  const limits = { ...CARD.limits, maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 27 };
  expect(of('Largest buffer', { limits })).toBe('128 MiB: A matrix can have up to 33 million numbers in f32.');
});

test('the CPU with threads, without, and without SIMD', () => {
  expect(factOf(cpuFacts(ABILITIES, true), 'Threads')).toMatch(/^8: .*divided/);
  const alone = { ...ABILITIES, cpu: { relaxed: false, shared: false, threads: 1 } };
  expect(factOf(cpuFacts(alone, true), 'Threads')).toContain('COOP and COEP');
  expect(factOf(cpuFacts(alone, false), 'Threads')).toContain('https');
  expect(factOf(cpuFacts(alone, true), 'Fused')).toMatch(/^no/);
  expect(cpuFacts({ ...ABILITIES, cpu: null }, true).map(({ value }) => value)).toEqual(['no']);
});

test('what the browser has, and what it lacks', () => {
  const parts = { webgpu: true, privateFiles: true, filePicker: true, wakeLock: true };
  expect(browserFacts(parts).map(({ value }) => value)).toEqual(['yes', 'yes', 'yes', 'yes']);
  const none = { webgpu: false, privateFiles: false, filePicker: false, wakeLock: false };
  expect(browserFacts(none).map(({ value }) => value)).toEqual(['no', 'no', 'no', 'no']);
});
