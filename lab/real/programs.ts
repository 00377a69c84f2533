import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { snippetsFor } from '../../src/app/tabs/results/use-snippets.ts';
import { openRoundFolder } from '../../src/cli/round-folder.ts';
import { PREDICTIONS_FILE } from '../../src/run/files/layout.ts';
import { type Prediction, promptOfPrediction, readPredictions } from '../../src/run/files/predictions.ts';
import { type RoundUse, useOfRound } from '../../src/run/files/round-use.ts';
import { archiveName } from '../../src/worker/protocol.ts';
import { projectPath } from '../../tools/setup/process.ts';
import { gorpWeb, ran } from './command-line.ts';

/** The questions to ask, and the programs that answer them. */
interface Asking {
  /** The output folder of the run, and the path of its last round below it. */
  readonly out: string;
  readonly inOut: string;
  /** The GGUF file of the base model. */
  readonly model: string;
  readonly python: string;
  /** Number of prompts: the first of the last round's tests. */
  readonly prompts: number;
}

/** A program and how many of the answers are this engine's. */
interface Agreement {
  readonly program: string;
  readonly equal: number;
  readonly of: number;
}

/**
 * Asks programs for the answers that the last round gave in its tests, as this engine wrote them: PEFT and transformers.js
 * by the lines that the page shows, transformers with the merged model, and onnxruntime token by token.
 */
export async function askPrograms(asking: Asking, folder: string): Promise<Agreement[]> {
  const { out, inOut, model, python } = asking;
  const base = join(folder, 'base-model');
  await mkdir(base, { recursive: true });
  await symlink(model, join(base, basename(model)));
  await symlink(out, join(folder, 'gorp-web-rounds'));
  await symlink(projectPath('node_modules'), join(folder, 'node_modules'));
  const round = join(out, inOut);
  const text = await readFile(join(round, PREDICTIONS_FILE), 'utf8');
  const asked = readPredictions(text).slice(0, asking.prompts);
  const use = useOfRound(await openRoundFolder(round), inOut, text);
  const onnx = archiveName({ what: 'onnx', dtype: 'f32' }, use.learned).replace(/\.zip$/, '');
  for (const [command, target] of [
    [['export', '--dtype', 'f32'], onnx],
    [['merge'], 'merged'],
  ] as const) {
    await gorpWeb([...command, '--round', round, '--model', model, '--out', join(folder, target)]);
  }
  const codeOf = (
    id: string,
    { prompt, answer }: { prompt: string; answer: string },
    changed: RoundUse = use,
  ): string =>
    snippetsFor({ ...changed, example: { prompt, answer, task: '', text: '' } }, { onnx: 'f32', gguf: 'f16' }).find(
      (one) => one.id === id,
    )?.code ?? '';

  const byProgram = async (
    program: string,
    file: string,
    run: (path: string) => Promise<string>,
    code: (example: { prompt: string; answer: string }) => string,
  ): Promise<Agreement> => {
    let equal = 0;
    for (const one of asked) {
      await writeFile(join(folder, file), code({ prompt: promptOfPrediction(one), answer: one.written }));
      if (isEqual((await run(file)).trim(), one)) equal++;
    }
    return { program, equal, of: asked.length };
  };

  const runtime = pathToFileURL(projectPath('src', 'testing', 'onnxruntime-of-node.ts')).href;
  const node = (file: string): Promise<string> =>
    ran(process.execPath, ['--import', 'tsx', '--import', runtime, file], { cwd: folder });
  const inPython = (file: string): Promise<string> => ran(python, [file], { cwd: folder });
  const merged = { ...use, hasAdapter: false, hasWeights: false };
  return [
    await byProgram('PEFT', 'use-peft.py', inPython, (example) => codeOf('peft', example)),
    await byProgram('transformers', 'use-merged.py', inPython, (example) =>
      codeOf('peft', example, merged).replaceAll(/"base-model"(, gguf_file="[^"]*")?/g, '"merged"'),
    ),
    await byProgram('transformers.js', 'use.mjs', node, (example) => codeOf('transformers.js', example)),
    await askOnnxruntime(asked, onnx, use.maxNewTokens, python, folder),
  ];
}

async function askOnnxruntime(
  asked: readonly Prediction[],
  onnx: string,
  length: number,
  python: string,
  folder: string,
): Promise<Agreement> {
  await writeFile(join(folder, 'prompts.json'), JSON.stringify(asked.map(promptOfPrediction)));
  const script = projectPath('lab', 'real', 'answer_onnx.py');
  const answers = JSON.parse(
    await ran(python, [script, onnx, String(length), 'prompts.json'], { cwd: folder }),
  ) as string[];
  return {
    program: 'onnxruntime',
    equal: asked.filter((one, i) => isEqual(answers[i].trim(), one)).length,
    of: asked.length,
  };
}

const isEqual = (answer: string, { written }: Prediction): boolean => answer === written.trim();
