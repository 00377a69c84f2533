import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundledLicenses } from './bundled-licenses.ts';

/** The hook of a plugin, called as the bundler calls it, with these modules in the bundle. */
function generate(plugin: unknown, modules: readonly string[]): string {
  let source = '';
  const context = { emitFile: (file: { source: string }) => (source = file.source) };
  const bundle = { 'a.js': { type: 'chunk', modules: Object.fromEntries(modules.map((id) => [id, {}])) } };
  (plugin as { generateBundle: (...all: unknown[]) => void }).generateBundle.call(context, {}, bundle);
  return source;
}

const inPackage = (path: string): string => new URL(`../../node_modules/${path}`, import.meta.url).pathname;

test('the page ships the licence texts of its own packages and of those of its workers', () => {
  const licenses = bundledLicenses();
  generate(licenses.worker(), [inPackage('@huggingface/tokenizers/dist/index.js'), inPackage('fflate/esm/browser.js')]);
  const text = generate(licenses.page, [inPackage('react/index.js'), '/project/src/app/main.tsx', '\0vite/helper.js']);
  expect(text.match(/^\S+ \S+ \(.*\)$/gm)?.map((line) => line.split(' ')[0])).toEqual([
    '@huggingface/tokenizers',
    'fflate',
    'react',
  ]);
  for (const name of ['@huggingface/tokenizers', 'fflate', 'react']) {
    expect(text).toContain(readFileSync(inPackage(`${name}/LICENSE`), 'utf8').trim());
  }
});

test('the text of a package that is published without one comes from this project, with its third parties’', () => {
  const text = generate(bundledLicenses().page, [inPackage('onnxruntime-web/dist/ort.wasm.min.mjs')]);
  const [, version] = /^onnxruntime-web (\S+) \(MIT\)\n\nMIT License/m.exec(text) ?? [];
  expect(text, 'of the version that is used').toContain(`ThirdPartyNotices.txt of onnxruntime ${version}:`);
  // Projects whose code is in its WebAssembly.
  for (const name of ['protocolbuffers/protobuf', 'google/flatbuffers', 'https://dawn.googlesource.com/dawn'])
    expect(text).toContain(name);
});

test('a package without a licence text stops the build', () => {
  const folder = mkdtempSync(join(tmpdir(), 'licenses-'));
  try {
    const root = join(folder, 'node_modules', 'unlicensed');
    mkdirSync(root, { recursive: true });
    writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'unlicensed', version: '1.0.0' }));
    expect(() => generate(bundledLicenses().page, [join(root, 'index.js')])).toThrow(/unlicensed/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
