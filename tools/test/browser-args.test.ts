import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { OFF_IN_PLAYWRIGHT } from './browser-args.ts';

test('what Playwright switches off stays off', () => {
  const folder = dirname(createRequire(import.meta.url).resolve('playwright-core/package.json'));
  const bundle = readFileSync(join(folder, 'lib', 'coreBundle.js'), 'utf8');
  const [, list = ''] = /disabledFeatures = \[(.*?)\]/s.exec(bundle) ?? [];
  const features = [...list.matchAll(/^ *"(\w+)",?$/gm)].map(([, feature]) => feature);
  expect(features).toEqual(OFF_IN_PLAYWRIGHT);
});
