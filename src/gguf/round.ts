import { cardOf } from '../run/files/model-card.ts';
import type { SavedRound } from '../run/files/saved-round.ts';
import { answerLengthIn } from '../run/tasks/encoded-task.ts';
import { refuseGates } from '../weights/exports/merge.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import type { ModelFiles } from '../weights/model-folder.ts';
import { ggufAdapterFiles } from './adapter-files.ts';
import { ggufFiles } from './gguf-files.ts';
import type { Asking } from './modelfile.ts';
import {
  adapterName,
  baseFile,
  type GgufDtype,
  type Ingredients,
  learnedName,
  linesToAsk,
  mergedName,
} from './names.ts';

/**
 * Writes a round as GGUF, with a Modelfile for each task and a model card.
 *
 * @param base the model that the round was trained on.
 * @param dtype of the merged model's weights; null for the adapter alone.
 * @throws GorpError `run/has-gates`, and as {@link ggufFiles} and {@link ggufAdapterFiles}.
 */
export async function roundAsGguf(base: ModelFiles, saved: SavedRound, dtype: GgufDtype | null): Promise<OutputFile[]> {
  refuseGates(saved.changes, dtype === null ? 'A GGUF adapter' : 'A GGUF file');
  const { model, order, training } = saved.results.settings;
  const learned = learnedName(order.slice(0, saved.round));
  const asking: Asking = {
    promptForm: training.promptForm,
    maxNewTokens: answerLengthIn(saved.results),
    sourceLength: training.sourceLength,
    tasks: saved.state.lessons.map(({ definition }) => definition),
  };
  const isAdapter = dtype === null;
  const name = isAdapter ? adapterName(model, learned) : mergedName(model, learned, dtype);
  const files = isAdapter
    ? await ggufAdapterFiles(base, { name, base: baseFile(model), asking }, saved)
    : await ggufFiles(base, { name, dtype, asking }, saved);
  const ingredients = isAdapter ? { model: baseFile(model), adapter: `${name}.gguf` } : { model: `${name}.gguf` };
  const isAsked = files.some(({ path }) => path === 'Modelfile');
  const more = isAsked ? howToAsk(asking, ingredients, learned) : '';
  return [...files, await cardOf(saved, base, isAdapter ? 'gguf-adapter' : 'gguf', more)];
}

/** Markdown. */
function howToAsk(asking: Asking, ingredients: Ingredients, learned: string): string {
  const { ollama, llamaCpp } = linesToAsk(asking, ingredients, learned);
  const block = (lines: readonly string[]): string => `\`\`\`\n${lines.join('\n')}\n\`\`\`\n`;
  const adapter = ingredients.adapter === undefined ? '' : ' Recent versions take no adapters.';
  return `
## Ask it

In this folder, with [Ollama](https://ollama.com): each task’s Modelfile holds its question, so that a text is enough; the last one is for conversations.${adapter}

${block(ollama)}
With [llama.cpp](https://github.com/ggml-org/llama.cpp), one of these, then http://localhost:8080 in a browser:

${block(llamaCpp)}`;
}
