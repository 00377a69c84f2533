import { mean } from '../../base/statistics.ts';
import { GorpError } from '../../base/errors.ts';
import type { Device } from '../../device/device.ts';
import type { Learner } from '../../gorp/learner.ts';
import type { Network } from '../../models/network.ts';
import type { EncodedExample } from '../../tasks/fit.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { writtenText } from '../evaluation/decoding.ts';
import { writeAnswers } from '../evaluation/free-answers.ts';
import { ANSWER_TOKENS } from './common-questions-probe.ts';
import { labelLosses, scoreLabels } from './general-text-probe.ts';

/** A model between two rounds, as a probe from outside may use it. Texts become tokens as in training. */
export interface ProbedModel {
  /**
   * Answers prompts greedily, with at most {@link ANSWER_TOKENS} tokens each.
   *
   * @throws GorpError `plugin/too-long` if a prompt has more tokens than those of training; `device/…`.
   */
  readonly answer: (prompts: readonly string[]) => Promise<string[]>;
  /** −log p per token of each answer to its prompt, in nats, with the token that ends it. @throws as `answer`. */
  readonly losses: (examples: readonly { readonly prompt: string; readonly answer: string }[]) => Promise<number[]>;
}

/** A measure from outside: a number before training and after every round. */
export interface Probe {
  /** Its name in results, logs and tables: letters, digits and dashes. */
  readonly name: string;
  /** The measured quantity, in a few words. */
  readonly title: string;
  /** Measures a model. What it throws ends the run with the probe's name. */
  readonly measure: (model: ProbedModel) => Promise<number>;
}

/** The parts that a probe needs of a run. */
interface ProbeParts {
  readonly device: Device;
  readonly network: Network;
  readonly learner: Learner;
  readonly tokenizer: Tokenizer;
  /** Tokens of a prompt, and of a prompt with its answer, at most. */
  readonly sourceLength: number;
}

/** Examples that are answered or scored at once: few, so that they take less memory than a batch of training. */
const ROWS = 4;

/**
 * Measures a model by a probe from outside. Nothing is left on the device, and no random number is drawn: a run trains
 * the same with it and without.
 *
 * @throws GorpError `plugin/failed` if the probe throws or gives no finite number; `plugin/too-long`, `device/…`.
 */
export async function measureBy({ name, measure }: Probe, parts: ProbeParts): Promise<number> {
  const failed = (what: string, cause?: unknown): GorpError =>
    new GorpError('plugin/failed', `The probe ${name} ${what}.`, 'Mend the plugin that defines it, or leave it out.', {
      cause,
    });
  let value: unknown;
  try {
    value = await measure(probed(parts));
  } catch (cause) {
    if (cause instanceof GorpError) throw cause;
    throw failed(`failed: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw failed(`gave ${String(value)}, not a finite number`);
}

function probed({ device, network, learner, tokenizer, sourceLength }: ProbeParts): ProbedModel {
  const encoded = (prompt: string, label: readonly number[]): EncodedExample => {
    const source = tokenizer.encodePrompt(prompt);
    if (source.length <= sourceLength && label.length <= ANSWER_TOKENS) return { source, label };
    const [what, tokens, most] =
      source.length > sourceLength ? ['prompt', source.length, sourceLength] : ['answer', label.length, ANSWER_TOKENS];
    throw new GorpError(
      'plugin/too-long',
      `A ${what} of a probe has ${tokens} tokens, but the run reads at most ${most}.`,
      'Shorten the texts of the probe, or raise training.sourceLength.',
    );
  };
  const { layers } = learner;
  return {
    answer: async (prompts) => {
      const asked = prompts.map((prompt) => encoded(prompt, []));
      const written = await writeAnswers({ device, network, learner }, asked, { length: ANSWER_TOKENS, rows: ROWS });
      const endIds = [...network.tokens.endIds, tokenizer.eosId];
      return written.map((ids) => writtenText(ids, endIds, tokenizer).text.trim());
    },
    losses: async (examples) => {
      const rows = examples.map(({ prompt, answer }) =>
        encoded(prompt, [...tokenizer.encodeLabel(answer), tokenizer.eosId]),
      );
      const losses: number[] = [];
      for (const row of rows) {
        const [scored] = await scoreLabels({ device, network, layers }, [row], null);
        losses.push(mean(labelLosses(scored)));
      }
      return losses;
    },
  };
}
