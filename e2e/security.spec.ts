import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type Page, test, type Worker } from '@playwright/test';
import { startLocalHub } from '../src/testing/local-hub.ts';
import { serveLocally } from '../src/testing/local-server.ts';
import { SECURITY_HEADERS } from '../tools/headers/security-headers.ts';
import { openWorkbench } from './support/workbench.ts';

/** A worker that lives as long as the page: the one that manages the models. */
async function modelsWorker(page: Page): Promise<Worker> {
  const [worker] = await Promise.all([
    page.waitForEvent('worker', (candidate) => candidate.url().includes('models')),
    page.getByTestId('tab-models').click(),
  ]);
  return worker;
}

test('page and workers come with the policy, a worker cannot get around it, and no hub is asked before a person says so', async ({
  page,
  request,
}) => {
  await openWorkbench(page);
  const worker = await modelsWorker(page);

  await test.step('every answer of the server has the headers', async () => {
    const scripts = await page
      .locator('script[src]')
      .evaluateAll((all) => all.map((one) => (one as HTMLScriptElement).src));
    expect(scripts.length).toBeGreaterThan(0);
    for (const url of ['/', worker.url(), ...scripts, '/embedded/model/config.json', '/is-not-there']) {
      const headers = (await request.get(url)).headers();
      for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
        expect(headers[name.toLowerCase()], `${name} of ${url}`).toBe(value);
      }
    }
  });

  await test.step('the page and the worker are isolated, so that memory can be shared', async () => {
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(await worker.evaluate(() => crossOriginIsolated)).toBe(true);
  });

  await test.step('in the worker', async () => {
    const outcome = await worker.evaluate(attempts);
    expect(outcome).toEqual({
      'http to another machine': 'connect-src',
      'a function from text': 'script-src',
      'code from another server': 'script-src',
      'code from a data address': 'script-src',
      WebAssembly: 'allowed',
    });
  });

  await page.getByTestId('tab-run').click();
  await test.step('a half-typed address never gets the token', () => expectNoHubAsked(page));
});

test('the built page has the policy for hosts that send no headers, and the file of headers for those that read one', async ({
  request,
}) => {
  const policy = SECURITY_HEADERS['Content-Security-Policy'];
  expect(await (await request.get('/')).text()).toContain(`content="${policy}"`);
  const file = await (await request.get('/_headers')).text();
  expect(file.split('\n').filter(Boolean)).toEqual([
    '/*',
    ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `  ${name}: ${value}`),
  ]);
});

test('another page cannot take a click to ours: with headers no frame shows it, without them it offers only a link', async ({
  page,
  baseURL,
}) => {
  const framing = await serveLocally((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<iframe src="${baseURL}" width=1200 height=900>`);
  });
  try {
    await page.goto(framing.url);
    await expect.poll(() => page.frames().length).toBe(2);
    await expect(page.frameLocator('iframe').locator('#root')).toHaveCount(0);

    await page.route(`${baseURL}**`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, headers: { 'content-type': response.headers()['content-type'] ?? '' } });
    });
    await page.goto(framing.url);
    const frame = page.frameLocator('iframe');
    await expect(frame.getByTestId('framed').getByRole('link')).toHaveAttribute('target', '_blank');
    await expect(frame.getByRole('button')).toHaveCount(0);
    expect(page.workers()).toEqual([]);
  } finally {
    await framing.close();
  }
});

/** Runs in the worker: the outcome of each attempt, `allowed` or the directive of the policy that forbade it. */
async function attempts(): Promise<Record<string, string>> {
  const outcome: Record<string, string> = {};
  const attempt = async (name: string, make: () => unknown): Promise<void> => {
    let violated: string | null = null;
    const note = (event: Event): void => {
      violated = (event as SecurityPolicyViolationEvent).effectiveDirective.replace(/-elem$/, '');
    };
    self.addEventListener('securitypolicyviolation', note);
    // In a later turn of the event loop: the policy does not apply to the test tool's evaluation until it first waits.
    await new Promise((resolve) => setTimeout(resolve, 10));
    const failure = await Promise.resolve()
      .then(make)
      .then(
        () => null,
        (thrown: unknown) => String(thrown),
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
    self.removeEventListener('securitypolicyviolation', note);
    outcome[name] = failure === null ? 'allowed' : (violated ?? failure);
  };
  // An address for documentation, which no machine has.
  await attempt('http to another machine', () =>
    fetch('http://192.0.2.1/', { headers: { authorization: 'Bearer x' } }),
  );
  // oxlint-disable-next-line typescript/no-implied-eval -- the test expects it to be forbidden.
  await attempt('a function from text', () => new Function('return 1'));
  const from = (address: string): Promise<unknown> => import(/* @vite-ignore */ address);
  await attempt('code from another server', () => from('https://192.0.2.1/code.js'));
  await attempt('code from a data address', () => from('data:text/javascript,export default 1'));
  const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  await attempt('WebAssembly', () => WebAssembly.compile(empty));
  return outcome;
}

/** Looks a model up on a hub and by its address, and checks what each server is asked. */
async function expectNoHubAsked(page: Page): Promise<void> {
  const hub = await startLocalHub();
  const half = await serveLocally((_, response) => response.end('{}'));
  const authorizations: (string | undefined)[] = [];
  const other = await serveLocally(({ headers: { authorization } }, response) => {
    authorizations.push(authorization);
    response.writeHead(404, { 'access-control-allow-origin': '*' }).end();
  });
  try {
    const config = await readFile(join('public', 'embedded', 'model', 'config.json'));
    const model = {
      'config.json': config,
      'tokenizer.json': '{}',
      'tokenizer_config.json': '{}',
      'model.safetensors': '',
    };
    hub.push('some-org/tiny', model);
    hub.gate('some-org/tiny', 'hf_secret');
    const field = page.getByTestId('model-field');
    const plan = page.getByTestId('memory-plan');
    await field.getByLabel('From the Hugging Face hub').check();
    await field.getByText('Gated models and mirrors').click();
    await field.getByLabel('Hub', { exact: true }).fill(half.url);
    await field.getByLabel('Access token').fill('hf_secret');
    await field.getByLabel('Repository or address').fill('some-org/tiny');
    await expect(plan).toHaveAttribute('data-status', 'unknown-model');
    await field.getByLabel('Hub', { exact: true }).fill(hub.endpoint);
    await expect(field.getByLabel('Access token'), 'it belonged to the other hub').toHaveValue('');
    await field.getByLabel('Access token').fill('hf_secret');
    await page.locator('[data-setting="training.batchSize"]').fill('4');
    // Longer than the planner waits for typing to end.
    await page.waitForTimeout(1500);
    await expect(plan).toHaveAttribute('data-status', 'unknown-model');
    expect([half.requests, hub.requests]).toEqual([[], []]);

    await page.getByTestId('look-up').click();
    await expect(page.getByTestId('planned-total')).toBeVisible();
    expect(half.requests).toEqual([]);
    // The texts are counted too, which needs the tokenizer; this one is none.
    await expect(page.getByTestId('start-facts')).toHaveAttribute('data-status', 'failed');
    expect(new Set(hub.cdnRequests.map(({ file }) => file))).toEqual(
      new Set(['config.json', 'tokenizer.json', 'tokenizer_config.json']),
    );
    expect(hub.cdnRequests.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
    const asked = hub.requests.length;
    await page.locator('[data-setting="training.batchSize"]').fill('8');
    await expect(plan).toHaveAttribute('data-status', 'planned');
    expect(hub.requests.length, 'the config is known').toBe(asked);

    // A folder by address is not a hub, so it does not get the token.
    await field.getByLabel('Repository or address').fill(`${other.url}model/`);
    await page.getByTestId('look-up').click();
    await expect(plan).toHaveAttribute('data-status', 'failed');
    expect(new Set(authorizations)).toEqual(new Set([undefined]));
  } finally {
    await Promise.all([hub.close(), half.close(), other.close()]);
  }
}
