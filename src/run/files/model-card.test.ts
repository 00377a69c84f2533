import { describe, expect, it } from 'vitest';
import { resultsOfScript } from '../../testing/scripted-results.ts';
import { bytesOfFile } from '../../testing/output-files.ts';
import { embeddedSettings } from '../planning/presets.ts';
import type { Results } from '../results/results.ts';
import { baseName, licenceOfBase, modelCard, type SavedAs } from './model-card.ts';

const results = resultsOfScript({ ...embeddedSettings('quick', 'gorp-plus'), order: ['gloss', 'a|b'] });

async function cardText(of: Results, licence: string | null, savedAs: SavedAs): Promise<string> {
  return new TextDecoder().decode(await bytesOfFile(modelCard(of, licence, savedAs)));
}

/** The same run on a model of the hub. */
const onHub: Results = {
  ...results,
  settings: { ...results.settings, model: 'org/name@v1' },
  model: { ...results.model, commit: 'c0ffee' },
};

describe('modelCard', () => {
  it('has a header that the hub reads, with the base by its repository', async () => {
    const text = await cardText(onHub, 'mit', 'adapter');
    expect(text.split('---')[1].split('model-index:')[0].trim().split('\n')).toEqual([
      'license: "mit"',
      'base_model: "org/name"',
      'base_model_relation: adapter',
      'library_name: peft',
      'tags:',
      '- gorp-web',
      '- continual-learning',
      '- gorp-plus',
    ]);
    expect(text).toContain('- **Base model:** org/name, commit `c0ffee`');
  });

  it('has averages that the hub shows', async () => {
    const [, index] = (await cardText(onHub, 'mit', 'adapter')).split('---')[1].split('model-index:');
    expect(index).toContain('- name: "gloss, a|b"');
    expect(index).toContain(`value: ${onHub.measures.exact.averagePerformance}`);
    expect(index).toContain('name: "Backward transfer (BWT), exact match"');
  });

  it('names no base for the hub that is not there, and no licence that is not known', async () => {
    const text = await cardText(results, null, 'onnx');
    expect(text.split('---')[1]).not.toMatch(/base_model|license/);
    expect(text).toContain('not stated in its files');
  });

  it('holds no line, link or field of somebody who named a task, a folder or a commit', async () => {
    const evil =
      '\n---\nlicense: mit\n# Buy |x| <script>alert(1)</script> [a](javascript:b) https://evil.example \u2028\u202e';
    const hostile: Results = {
      ...onHub,
      settings: { ...onHub.settings, model: `picked:${evil}`, order: ['gloss', evil] },
      model: { ...onHub.model, commit: `\`${evil}`, weights: `\`${evil}` },
      code: { version: evil, commit: evil },
      cutShort: [{ round: 2, steps: 1, planned: 2 }],
    };
    for (const savedAs of ['adapter', 'onnx', 'gguf'] as const) {
      const [card, plain] = [await cardText(hostile, evil, savedAs), await cardText(onHub, 'mit', savedAs)];
      const [head, settings] = [card.split('\n---\n')[0], card.indexOf('```json')];
      expect(head.split('\n').filter((line) => /^license|^base_model:/.test(line))).toEqual([
        expect.stringMatching(/^license: "\\n---\\nlicense: mit.*\\u2028\S*"$/) as string,
      ]);
      const text = card.slice(head.length + 5, settings);
      const own = text.replace('[GORP](https:', '').replaceAll(/(`+)[^`].*?\1(?!`)/g, '');
      expect(own).not.toMatch(/[^\\][<[]|[^\\]\|x|https:|^(?:---|license|# Buy)|[\u2028\u202e]/m);
      // As many lines as a card without such names, but for that of the round that ended early.
      expect(text.split('\n')).toHaveLength(
        plain.slice(plain.indexOf('\n---\n') + 5, plain.indexOf('```json')).split('\n').length + 1,
      );
    }
  });

  it('has a row for each task learned, with what it had when learned and at the end', async () => {
    const { exact } = results.accuracy;
    const text = await cardText(results, 'mit', 'safetensors');
    const rows = text.split('\n').filter((line) => /^\| (gloss|a\\\|b) \|/.test(line));
    expect(rows).toHaveLength(2);
    const percent = (share: number | null): string => (100 * (share ?? Number.NaN)).toFixed(1);
    expect(rows[0]).toMatch(new RegExp(`\\| ${percent(exact[1][0])} \\| ${percent(exact[2][0])} \\|$`));
    expect(text).toContain(`Average performance ${percent(results.measures.exact.averagePerformance)} %`);
  });

  it('gives each task its own score, and the means over those without a loss', async () => {
    const [first, second] = results.tasks;
    const mixed: Results = {
      ...results,
      tasks: [
        { ...first, form: 'chat' },
        { ...second, form: 'free' },
      ],
      accuracy: {
        ...results.accuracy,
        rougeL: [
          [0.1, 0.25],
          [0.2, 0.25],
          [0.2, 0.5],
        ],
        loss: [
          [2.5, 2],
          [1.25, 2],
          [1.5, 1],
        ],
      },
    };
    const text = await cardText(mixed, 'mit', 'gguf');
    expect(text).toMatch(/\| gloss \| loss per token \| \d+ \| \d+ \| 1\.250 \| 1\.500 \|/);
    expect(text).toMatch(/\| a\\\|b \| ROUGE-L, % \| \d+ \| \d+ \| 50\.0 \| 50\.0 \|/);
    expect(text).toContain('\nAverage performance over the tasks without a loss 50.0 %.\n');
    const texts = { ...mixed, tasks: mixed.tasks.map((task) => ({ ...task, form: 'text' as const })) };
    const exact = texts.accuracy.exact.map((row) => row.map(() => null));
    const lossOnly = await cardText({ ...texts, accuracy: { ...texts.accuracy, exact } }, 'mit', 'gguf');
    expect(lossOnly).toContain('| gloss | loss per token |');
    expect(lossOnly).not.toContain('Average performance');
  });

  it('says what the model still knows, if it was asked', async () => {
    const questions = [{ id: 'a', question: 'A?' }];
    const asked = [0, 1, 2].map((round) => ({ round, answers: ['B'], right: [round < 2] }));
    const known = { ...results, probes: { commonQuestions: { hash: '', questions, rounds: asked } } };
    expect(await cardText(known, null, 'adapter')).toContain('- **Common knowledge:** It still answers 0 of the 1 ');
    expect(await cardText(results, null, 'adapter')).not.toContain('Common knowledge');
  });

  it('says what became of general text', async () => {
    expect(await cardText(results, null, 'adapter')).toMatch(
      /\n- \*\*General text:\*\* It models general text a little worse: 3\.18 → 3\.26 nats a token /,
    );
  });

  it('says that a round was ended early', async () => {
    const unmeasured = { ...results };
    delete unmeasured.probes;
    const cut = { ...unmeasured, cutShort: [{ round: 1, steps: 12, planned: 40 }] };
    expect(await cardText(cut, 'mit', 'adapter')).toContain(
      '\n- **Ended early:** gloss, after 12 of 40 steps\n\n## Results',
    );
    expect(await cardText(results, 'mit', 'adapter')).not.toContain('Ended early');
  });

  it('does not tell where the model lies on the machine', async () => {
    const local = { ...results, settings: { ...results.settings, model: 'picked:my-model' } };
    expect(await cardText(local, null, 'gguf')).toContain('# my-model, trained on 2 tasks with gorp-plus');
    expect(await cardText(local, null, 'gguf')).not.toContain('picked:');
  });
});

describe('baseName', () => {
  it.each([
    ['org/name@refs/pr/1', 'org/name'],
    ['picked:folder', 'folder'],
    ['embedded-llama', 'Embedded small LLaMA'],
    ['https://example.org/m/', 'https://example.org/m/'],
    ['./models/m', './models/m'],
  ])('%s is %s', (model, name) => {
    expect(baseName(model)).toBe(name);
  });
});

describe('licenceOfBase', () => {
  it('is known for the models of the app, and else as the model’s card says', async () => {
    const base = { licence: () => Promise.resolve('mit') };
    expect(await licenceOfBase('embedded', base)).toBe('apache-2.0');
    expect(await licenceOfBase('org/name', base)).toBe('mit');
  });
});
