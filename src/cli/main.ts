import { explainedWithCode, reportOf } from '../base/errors.ts';
import { data, DATA_USAGE } from './data.ts';
import { EVAL_USAGE, evaluate } from './eval.ts';
import { EXIT, exitCodeOf, UsageError } from './exit.ts';
import { EXPORT_USAGE, exportModel, merge, MERGE_USAGE } from './export.ts';
import { generate, GENERATE_USAGE } from './generate.ts';
import { models, MODELS_USAGE } from './models.ts';
import { plan, PLAN_USAGE } from './plan.ts';
import { loadPlugins } from './plugins.ts';
import { filled, printable, Terminal } from './terminal.ts';
import { train, TRAIN_USAGE } from './train.ts';

declare const __APP_VERSION__: string;

const USAGE = `gorp-web ${__APP_VERSION__}: continual fine-tuning of language models on your own machine

Usage: gorp-web COMMAND [options]

  train    trains a model on tasks one after another
  eval     tests a model, as it is or after a round
  study    methods × seeds, also split over many machines
  merge    writes a model with a round's training merged in
  export   writes a model as ONNX or GGUF, as it is or after a round
  generate answers prompts with a model, as it is or after a round
  plan     estimates memory and time of training
  data     shows what would be read from a file of examples
  models   lists, fetches, verifies and deletes models

"gorp-web COMMAND --help" lists the options of a command. All take --plugin FILE, repeatable: methods, formats of
examples and probes of your own (docs/plugins.md).

Exit codes: 0 done, 2 wrong usage, 3 unusable input or folder, 4 no GPU or a failed one, 70 a bug in gorp-web,
130 interrupted.`;

/** Columns of help: those of the terminal, if it has a width. */
const WIDTH = Math.min(110, process.stdout.columns || 100);

interface Command {
  /** @returns the exit code. */
  readonly run: (args: string[]) => Promise<number>;
  readonly usage: string;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  train: { run: train, usage: TRAIN_USAGE },
  eval: { run: evaluate, usage: EVAL_USAGE },
  merge: { run: merge, usage: MERGE_USAGE },
  export: { run: exportModel, usage: EXPORT_USAGE },
  generate: { run: generate, usage: GENERATE_USAGE },
  plan: { run: plan, usage: PLAN_USAGE },
  data: { run: data, usage: DATA_USAGE },
  models: { run: models, usage: MODELS_USAGE },
};

/** A command by its name. Studies belong to the laboratory, above the trainer, and are loaded when somebody asks. */
async function commandOf(name: string): Promise<Command | undefined> {
  if (name !== 'study') return Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const { study, STUDY_USAGE } = await import('../../lab/study/command.ts');
  return { run: study, usage: STUDY_USAGE };
}

/** The command line. @returns the exit code. */
export async function main(args: string[]): Promise<number> {
  const [name = '', ...given] = args;
  if (['--help', '-h', 'help'].includes(name)) {
    console.log(filled(USAGE, WIDTH));
    return EXIT.ok;
  }
  if (name === '--version') {
    console.log(__APP_VERSION__);
    return EXIT.ok;
  }
  const command = await commandOf(name);
  if (command === undefined) {
    console.error(filled(name === '' ? USAGE : `Unknown command ${JSON.stringify(name)}.\n\n${USAGE}`, WIDTH));
    return EXIT.usage;
  }
  if (given.includes('--help') || given.includes('-h')) {
    console.log(filled(command.usage, WIDTH));
    return EXIT.ok;
  }
  try {
    await loadPlugins(given);
    return await command.run(given);
  } catch (thrown) {
    if (thrown instanceof UsageError) {
      console.error(`${printable(thrown.message)}\n"gorp-web ${name} --help" lists the options.`);
      return EXIT.usage;
    }
    const error = reportOf(thrown);
    if (given.includes('--json')) new Terminal(true).event({ type: 'failed', error });
    console.error(printable(explainedWithCode(error)));
    return exitCodeOf(error.code);
  }
}
