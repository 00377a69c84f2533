import { chromium, type Page } from '@playwright/test';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, preview } from 'vite';
import type { Report } from '../../src/bench/bench.ts';
import { requireBrowser } from '../../tools/test/browser.ts';
import { type BenchEffort, tunedDevice } from './bench.ts';
import { allCounts, countsTable } from './counts/counts.ts';
import { treeCpuMs } from './cpu-time.ts';
import { nodePlace } from './node-place.ts';
import { type SectionName, SECTIONS } from './sections/index.ts';

const NAMES = Object.keys(SECTIONS) as SectionName[];
/** The part that needs neither an adapter nor a browser; only on request. */
const COUNTS = 'counts';
const PLACES = ['node', 'chromium'] as const;
// Takes minutes on an adapter that computes on the CPU.
const SLOW: SectionName = 't5-small';
// Takes half an hour, so only on request.
const SLOWEST: SectionName = 'spaces';

const USAGE = `npm run bench -- [--on node,chromium] [--only SECTION,…] [--quick] [--rounds N] [--model TEXT] [--hardware] [--out FILE]
  --on        where to measure (default: both)
  --only      ${NAMES.join(', ')} (default: all but ${SLOWEST}; with --quick without ${SLOW}),
              or what kernels are asked to do, without an adapter: ${COUNTS}
  --quick     few shapes and examples, one round: a few minutes where an adapter computes on the CPU
  --rounds    turns that contenders take (default: 5; ${SLOW} at most 3, ${SLOWEST} 8)
  --model     of ${SLOWEST}: only models whose name contains the text
  --hardware  Chromium on the graphics card, not on its software adapter; Node takes what Dawn finds either way
  --out       where the numbers go as JSON (default: build/bench/results.json)`;

interface Where {
  readonly name: string;
  readonly adapter: string;
  run(section: SectionName, effort: BenchEffort): Promise<Report>;
  close(): Promise<void>;
}

/** Measures kernels, training steps and tests, prints tables and writes JSON. @returns the exit code. */
export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      on: { type: 'string', default: PLACES.join(',') },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      model: { type: 'string' },
      hardware: { type: 'boolean', default: false },
      out: { type: 'string', default: join('build', 'bench', 'results.json') },
      help: { type: 'boolean', default: false },
    },
  });
  const places = chosenFrom(PLACES, values.on);
  const usual = NAMES.filter((name) => name !== SLOWEST && (!values.quick || name !== SLOW));
  const chosen = values.only === undefined ? usual : chosenFrom([...NAMES, COUNTS], values.only);
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  if (values.help || !places || !chosen || !Number.isInteger(rounds) || rounds < 1) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const out = resolve(values.out);
  const results: { date: string; places: Record<string, unknown>[] } = { date: new Date().toISOString(), places: [] };
  const save = async (): Promise<void> => {
    await mkdir(dirname(out), { recursive: true });
    await writeFile(out, `${JSON.stringify(results, null, 2)}\n`);
  };
  if (chosen.includes(COUNTS)) {
    const counts = await allCounts();
    console.log(`\n## ${COUNTS}\n\n${countsTable(counts)}`);
    results.places.push({ place: 'recorded', [COUNTS]: Object.fromEntries(counts) });
    await save();
  }
  const sections = chosen.filter((name) => name !== COUNTS);
  for (const place of sections.length > 0 ? places : []) {
    const where = place === 'node' ? await inNode() : await openChromium(values.hardware);
    try {
      console.log(`\n# ${where.name}, ${where.adapter}`);
      const found: Record<string, unknown> = { place: where.name, adapter: where.adapter };
      results.places.push(found);
      for (const section of sections) {
        const { numbers, text } = await where.run(section, { rounds, quick: values.quick, model: values.model });
        console.log(`\n## ${section}\n\n${text}`);
        found[section] = numbers;
        await save();
      }
    } finally {
      await where.close();
    }
  }
  console.log(`\nNumbers in ${out}`);
  return 0;
}

/** The names in a comma-separated list; undefined when one is unknown. */
function chosenFrom<T extends string>(known: readonly T[], list: string): T[] | undefined {
  const names = list.split(',');
  return names.every((name) => known.some((one) => one === name)) ? (names as T[]) : undefined;
}

async function inNode(): Promise<Where> {
  const device = await tunedDevice(nodePlace);
  const { vendor, description } = device.facts;
  await device.destroy();
  return {
    name: nodePlace.platform,
    adapter: description || vendor,
    run: (section, effort) => SECTIONS[section](nodePlace, effort),
    close: () => Promise.resolve(),
  };
}

const config = fileURLToPath(new URL('page/vite.config.ts', import.meta.url));

/** A browser with the bench page open. */
interface BenchBrowser {
  /** Name and version. */
  readonly name: string;
  /** Vendor and name of the adapter. */
  readonly adapter: string;
  run(section: SectionName, effort: BenchEffort): Promise<Report>;
  close(): Promise<void>;
}

/**
 * Builds the page, serves it on this machine, and opens it in headless Chrome or Chromium.
 *
 * @param hardware whether to use the machine's graphics card instead of the browser's software adapter.
 * @throws Error when no browser with WebGPU is found.
 */
async function openChromium(hardware: boolean): Promise<BenchBrowser> {
  const executablePath = requireBrowser();
  await build({ configFile: config, logLevel: 'error' });
  const served = await preview({ configFile: config, logLevel: 'error' });
  const adapter = hardware ? [] : ['--use-webgpu-adapter=swiftshader'];
  const launched = await chromium.launchServer({
    executablePath,
    args: ['--no-sandbox', '--enable-unsafe-webgpu', ...adapter],
  });
  const close = async (): Promise<void> => {
    await launched.close();
    await served.close();
  };
  try {
    const browser = await chromium.connect(launched.wsEndpoint());
    const { pid = 0 } = launched.process();
    const url = served.resolvedUrls?.local[0] ?? '';
    // A new page for each section: closing the last one frees its devices.
    const inPage = async <T>(work: (page: Page) => Promise<T>): Promise<T> => {
      const page = await browser.newPage();
      page.setDefaultTimeout(0);
      await page.exposeFunction('browserCpuMs', () => treeCpuMs(pid));
      await page.goto(url);
      await page.waitForFunction(() => 'gorpBench' in window);
      const found = await work(page);
      await page.close();
      return found;
    };
    return {
      name: `Chromium ${browser.version()}`,
      adapter: await inPage((page) => page.evaluate(() => window.gorpBench.adapter())),
      run: (section, effort) =>
        inPage((page) => page.evaluate(([name, how]) => window.gorpBench.run(name, how), [section, effort] as const)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
