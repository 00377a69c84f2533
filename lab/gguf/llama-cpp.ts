/** llama.cpp by the npm package node-llama-cpp: the part of it that proofs use. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Library {
  getLlama(options: object): Promise<{ loadModel(options: object): Promise<Model> }>;
}
interface Model {
  tokenize(text: string, specialTokens: boolean): number[];
  readonly tokens: { readonly bos: number | null; readonly shouldPrependBosToken: boolean };
  isEogToken(token: number): boolean;
  createContext(options: object): Promise<{ getSequence(): Sequence; dispose(): Promise<void> }>;
  dispose(): Promise<void>;
}
interface Sequence {
  clearHistory(): Promise<void>;
  evaluateWithMetadata(
    tokens: number[],
    metadata: { probabilities: true },
    options: object,
  ): AsyncGenerator<{ token: number; probabilities: Map<number, number> }>;
}

/** A token that was written, and all that could have been. */
export interface Written {
  readonly token: number;
  /** By token. */
  readonly probabilities: ReadonlyMap<number, number>;
}

/** A model in llama.cpp. */
export interface LlamaModel {
  /** The tokens of a text, begun as the file says. */
  readonly encode: (text: string) => Promise<number[]>;
  /** Always the likeliest token, until one ends the answer. */
  readonly write: (prompt: readonly number[], maxTokens: number) => Promise<Written[]>;
  readonly close: () => Promise<void>;
}

const CONTEXT = 512;

/**
 * Opens files with one thread, and keys and values of attention in f32, as here.
 *
 * @param library the main file of node-llama-cpp, installed anywhere with --ignore-scripts.
 */
export async function openLlamaCpp(library: string): Promise<(file: string, lora?: string) => Promise<LlamaModel>> {
  const cpp = (await import(/* @vite-ignore */ pathToFileURL(resolve(library)).href)) as Library;
  const llama = await cpp.getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: 'error' });
  return async (file, lora) => {
    const model = await llama.loadModel({ modelPath: resolve(file) });
    const { bos, shouldPrependBosToken } = model.tokens;
    const front = shouldPrependBosToken && bos !== null ? [bos] : [];
    const context = await model.createContext({
      contextSize: CONTEXT,
      threads: 1,
      flashAttention: false,
      experimentalKvCacheKeyType: 'F32',
      experimentalKvCacheValueType: 'F32',
      ...(lora !== undefined && { lora: { adapters: [{ filePath: resolve(lora), scale: 1 }] } }),
    });
    const sequence = context.getSequence();
    return {
      encode: (text) => Promise.resolve([...front, ...model.tokenize(text, true)]),
      write: async (prompt, maxTokens) => {
        await sequence.clearHistory();
        const written: Written[] = [];
        const options = { temperature: 0, yieldEogToken: true };
        for await (const one of sequence.evaluateWithMetadata([...prompt], { probabilities: true }, options)) {
          written.push(one);
          if (model.isEogToken(one.token) || written.length === maxTokens) break;
        }
        return written;
      },
      close: async () => {
        await context.dispose();
        await model.dispose();
      },
    };
  };
}
