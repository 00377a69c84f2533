import { isPlainInShells } from '../../../base/visible.ts';
import { type GgufDtype, learnedSlug, linesToAsk, mergedName, recipeNames } from '../../../gguf/names.ts';
import { FILE_SUFFIX, type OnnxDtype } from '../../../onnx/dtypes.ts';
import type { RoundUse } from '../../../run/files/round-use.ts';
import { isGgufName } from '../../../weights/gguf/splits.ts';
import { type ModelReference, parseModelReference } from '../../../weights/model-reference.ts';
import { archiveName } from '../../../worker/protocol.ts';

/** A program of a few lines that asks the trained model for an answer. */
export interface Snippet {
  readonly id:
    | 'transformers.js'
    | 'optimum'
    | 'peft'
    | 'ollama'
    | 'llama.cpp'
    | 'lm-studio'
    | 'wllama'
    | 'command-line';
  readonly title: string;
  /** A sentence that says what the program needs. */
  readonly needs: string;
  readonly code: string;
  /** A prompt to paste into the program, never into the shell: its lines would run as commands. */
  readonly prompt?: string;
}

/** Weight formats of the exports. */
export interface Dtypes {
  readonly onnx: OnnxDtype;
  readonly gguf: GgufDtype;
}

/** Folder assumed for a base model that no program can fetch by name. */
const BASE_FOLDER = 'base-model';
/** Prompt to show if there is none from a test. */
const NO_EXAMPLE = 'Write a prompt here, in the format of the tasks.';

/**
 * Programs that use the model trained in a round, from the page's archives unpacked into folders of the same name. They
 * ask for the answer to a prompt from the round's test.
 */
export function snippetsFor(use: RoundUse, { onnx: dtype, gguf }: Dtypes): Snippet[] {
  const onnx = archiveName({ what: 'onnx', dtype }, use.learned);
  const rounds = archiveName({ what: 'zip' }, use.learned);
  const round = `${folderOf(rounds)}/${use.folder}`;
  const base = baseModel(use);
  return [
    {
      id: 'transformers.js',
      title: 'transformers.js',
      needs: `Unpack ${onnx} into a folder of that name beside the program; npm install @huggingface/transformers.`,
      code: transformersJs(use, folderOf(onnx)),
    },
    {
      id: 'optimum',
      title: 'Optimum',
      needs: `Unpack ${onnx} into a folder of that name; pip install optimum-onnx onnxruntime.`,
      code: optimum(use, folderOf(onnx), FILE_SUFFIX[dtype]),
    },
    ...(use.isByPrompt ? [] : weightSnippets()),
    {
      id: 'command-line',
      title: 'Command line',
      needs: `Unpack ${rounds} into a folder of that name; ${isPicked(use) ? base.needs : ''}install this project as a package. For any shell, Windows’ cmd and PowerShell too.`,
      code: commandLine(use, round, base),
    },
  ];

  /** Programs that hold weights only. */
  function weightSnippets(): Snippet[] {
    return [
      {
        id: 'peft',
        title: use.hasAdapter ? 'PEFT' : 'transformers',
        needs: `Unpack ${rounds} into a folder of that name; ${base.needs}pip install torch transformers${use.hasAdapter ? ' peft' : ''}${base.gguf === null ? '' : ' gguf'}.`,
        code: peft(use, round, base),
      },
      ...(use.isDecoderOnly ? ggufSnippets(use, gguf) : [wllama(use, gguf)]),
    ];
  }
}

const folderOf = (archive: string): string => archive.replace(/\.zip$/, '');
const promptOf = ({ example }: RoundUse): string => example?.prompt ?? NO_EXAMPLE;
/** A string literal for JavaScript and Python, with nothing that changes how the program looks. */
const quoted = (text: string): string =>
  JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Whether the base model was picked from disk, so that even the command line cannot find it by name. */
const isPicked = ({ model }: RoundUse): boolean => parseModelReference(model)?.kind === 'picked';

interface BaseModel {
  /** Its name in Python, or its folder. */
  readonly name: string;
  readonly revision: string | null;
  /** The GGUF file in it; null for a model of JSON and safetensors files. */
  readonly gguf: string | null;
  /** How to provide it, as the beginning of a sentence; may be empty. */
  readonly needs: string;
}

function baseModel(use: RoundUse): BaseModel {
  const reference = parseModelReference(use.model);
  const gguf = fileOf(use.model, reference);
  if (reference?.kind === 'hub') {
    const revision = use.commit ?? reference.revision;
    return { name: reference.repository, revision, gguf, needs: '' };
  }
  const what =
    reference?.kind === 'embedded'
      ? `the files of the embedded model (public/embedded/${reference.folder})`
      : (gguf ?? 'the files of the base model');
  return { name: BASE_FOLDER, revision: null, gguf, needs: `copy ${what} into ${BASE_FOLDER}; ` };
}

/** The GGUF file that a model is read from; null if there is none. The command line names models by their paths. */
function fileOf(model: string, reference: ModelReference | null): string | null {
  if (reference === null) return isGgufName(model) ? (model.split(/[\\/]/).at(-1) ?? model) : null;
  if (reference?.kind === 'picked') return isGgufName(reference.name) ? reference.name : null;
  return 'file' in reference ? (reference.file ?? null) : null;
}

/** The messages of a conversation to answer. */
const MESSAGES = '[{ role: "user", content: prompt }]';

function transformersJs(use: RoundUse, folder: string): string {
  const { isDecoderOnly, promptForm, maxNewTokens } = use;
  const task = isDecoderOnly ? 'text-generation' : 'text2text-generation';
  const isChat = promptForm === 'chat';
  // Greedy and without penalties, as in the engine, overriding the model's generation_config.json.
  const greedy = isDecoderOnly ? ', do_sample: false, repetition_penalty: 1' : '';
  const reading = isChat
    ? ', tokenizer_encode_kwargs: { enable_thinking: false }'
    : isDecoderOnly
      ? ', add_special_tokens: true, return_full_text: false'
      : '';
  return lines(
    "import { env, pipeline } from '@huggingface/transformers';",
    '',
    "Object.assign(env, { allowLocalModels: true, allowRemoteModels: false, localModelPath: './' });",
    `const generate = await pipeline('${task}', '${folder}');`,
    `const prompt = ${quoted(promptOf(use))};`,
    `const options = { max_new_tokens: ${maxNewTokens}${greedy}${reading} };`,
    `const [answer] = await generate(${isChat ? MESSAGES : 'prompt'}, options);`,
    `console.log(answer.generated_text${isChat ? '.at(-1).content' : ''});`,
  );
}

const autoModel = ({ isDecoderOnly }: RoundUse): string => (isDecoderOnly ? 'ForCausalLM' : 'ForSeq2SeqLM');

function optimum(use: RoundUse, folder: string, suffix: string): string {
  const model = `ORTModel${autoModel(use)}`;
  const file = (option: string, name: string): string => `${option}=${quoted(`${name}${suffix}.onnx`)}`;
  const files = use.isDecoderOnly
    ? [file('file_name', 'model')]
    : [file('encoder_file_name', 'encoder_model'), file('decoder_file_name', 'decoder_model_merged')];
  return lines(
    `from optimum.onnxruntime import ${model}`,
    'from transformers import AutoTokenizer',
    '',
    `folder = ${quoted(folder)}`,
    'tokenizer = AutoTokenizer.from_pretrained(folder)',
    `model = ${model}.from_pretrained(${['folder', ...(suffix === '' ? [] : files)].join(', ')})`,
    ...pythonAnswer(use),
  );
}

function peft(use: RoundUse, round: string, { name, revision, gguf }: BaseModel): string {
  const model = `AutoModel${autoModel(use)}`;
  const at =
    (revision === null ? '' : `, revision=${quoted(revision)}`) + (gguf === null ? '' : `, gguf_file=${quoted(gguf)}`);
  return lines(
    ...(use.hasWeights ? ['import torch'] : []),
    ...(use.hasAdapter ? ['from peft import PeftModel'] : []),
    ...(use.hasWeights ? ['from safetensors.torch import load_file'] : []),
    `from transformers import ${model}, AutoTokenizer`,
    '',
    `round_folder = ${quoted(round)}`,
    `tokenizer = AutoTokenizer.from_pretrained(${quoted(name)}${at})`,
    `model = ${model}.from_pretrained(${quoted(name)}${at}, dtype="float32")`,
    ...(use.hasWeights
      ? [
          'with torch.no_grad():  # weights trained in addition to the adapter',
          '    for name, weights in load_file(round_folder + "/full_rank_weights.safetensors").items():',
          '        model.get_parameter(name).copy_(weights)',
        ]
      : []),
    ...(use.hasAdapter ? ['model = PeftModel.from_pretrained(model, round_folder + "/adapter")'] : []),
    ...pythonAnswer(use),
  );
}

/** Python lines that ask `model` and `tokenizer` for the answer. */
function pythonAnswer(use: RoundUse): string[] {
  const { isDecoderOnly, promptForm, maxNewTokens } = use;
  const read =
    promptForm === 'chat'
      ? [
          'messages = [{"role": "user", "content": prompt}]',
          'inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, enable_thinking=False,',
          '                                       return_tensors="pt", return_dict=True)',
        ]
      : [`inputs = tokenizer(prompt, return_tensors="pt"${isDecoderOnly ? ', return_token_type_ids=False' : ''})`];
  const greedy = isDecoderOnly ? ', do_sample=False, repetition_penalty=1.0' : '';
  const answer = isDecoderOnly ? 'ids[0, inputs["input_ids"].shape[1]:]' : 'ids[0]';
  return [
    `prompt = ${quoted(promptOf(use))}`,
    ...read,
    `ids = model.generate(**inputs, max_new_tokens=${maxNewTokens}${greedy})`,
    `print(tokenizer.decode(${answer}, skip_special_tokens=True))`,
  ];
}

function commandLine(use: RoundUse, round: string, { gguf }: BaseModel): string {
  const file = gguf === null ? '' : `/${isPlainInShells(gguf) ? gguf : 'FILE.gguf'}`;
  const model = isPicked(use) ? ` --model "./${BASE_FOLDER}${file}"` : '';
  const task = use.tasks.find(({ name }) => name === use.example?.task)?.name ?? '';
  const asked = isPlainInShells(task)
    ? `--task "${task}" --prompt "${textOf(use) ?? MY_TEXT}"`
    : '--prompt "my prompt"';
  return `npx --no gorp-web generate --round "${round}"${model} ${asked}\n`;
}

/** In place of a text that a shell would not take as it is. */
const MY_TEXT = 'my text';

/** The text of the example, if it can stand between double quotes in every shell. */
const textOf = ({ example }: RoundUse): string | null =>
  example !== null && isPlainInShells(example.text) ? example.text : null;

const NOT_RUN = 'These lines follow its documentation; they were not run by this project.';

/**
 * Programs built on llama.cpp that run decoder-only models: the files beside the model hold the questions of its tasks, so
 * that a text is enough. LM Studio reads no such file and is given whole prompts.
 */
function ggufSnippets(use: RoundUse, dtype: GgufDtype): Snippet[] {
  const archive = archiveName({ what: 'gguf', dtype }, use.learned);
  const folder = folderOf(archive);
  const name = learnedSlug(use.learned);
  const file = `${mergedName(use.model, name, dtype)}.gguf`;
  const { ollama, llamaCpp } = linesToAsk(use, { model: file }, name);
  const unpack = `Unpack ${archive} into a folder of that name`;
  const [task] = recipeNames(use.tasks.map((one) => one.name)).filter(
    (_, i) => use.tasks[i].name === use.example?.task,
  );
  const withText = (line: string): string =>
    line === `ollama run ${task} "${MY_TEXT}"` ? `ollama run ${task} "${textOf(use) ?? MY_TEXT}"` : line;
  return [
    {
      id: 'ollama',
      title: 'Ollama',
      needs: `${unpack}; install Ollama (ollama.com). Each task has a Modelfile with its question; the last one is for conversations. ${NOT_RUN}`,
      code: lines(`cd ${folder}`, ...ollama.map(withText)),
    },
    {
      id: 'llama.cpp',
      title: 'llama.cpp',
      needs: `${unpack}; install llama.cpp (github.com/ggml-org/llama.cpp). Start one of the servers, open http://localhost:8080 and write a text. ${NOT_RUN}`,
      code: lines(`cd ${folder}`, ...llamaCpp),
    },
    {
      id: 'lm-studio',
      title: 'LM Studio',
      needs: `${unpack}; install LM Studio (lmstudio.ai) with its command line, lms. Choose the imported file when asked, set the temperature to 0, and paste a whole prompt into the chat. ${NOT_RUN}`,
      code: lines(`lms import ${folder}/${file}`, `lms load --identifier ${name}`, `lms chat ${name}`),
      prompt: promptOf(use),
    },
  ];
}

/** T5 as GGUF, which Ollama, LM Studio and llama.cpp's server do not run. */
function wllama(use: RoundUse, dtype: GgufDtype): Snippet {
  const archive = archiveName({ what: 'gguf', dtype }, use.learned);
  const file = `${folderOf(archive)}/${mergedName(use.model, learnedSlug(use.learned), dtype)}.gguf`;
  return {
    id: 'wllama',
    title: 'wllama',
    needs: `Unpack ${archive} into a folder of that name beside the page; npm install @wllama/wllama@2.4.0; serve the folder by HTTP. Version 2 of wllama, llama.cpp in a browser, is the last that runs T5.`,
    code: lines(
      '<script type="module">',
      "import { Wllama } from './node_modules/@wllama/wllama/esm/index.js';",
      '',
      "const wllama = new Wllama({ 'single-thread/wllama.wasm': './node_modules/@wllama/wllama/esm/single-thread/wllama.wasm' });",
      `await wllama.loadModelFromUrl(new URL(${scriptQuoted(file)}, location.href).href);`,
      `const prompt = ${scriptQuoted(promptOf(use))};`,
      "// wllama does not add the token that ends T5's prompts.",
      `const answer = await wllama.createCompletion(prompt + '</s>', { nPredict: ${use.maxNewTokens}, sampling: { temp: 0 } });`,
      'console.log(answer.trim());',
      '</script>',
    ),
  };
}

/** A string literal for a script within HTML, which a tag or a comment in the text would end or extend. */
const scriptQuoted = (text: string): string =>
  quoted(text)
    .replaceAll('</', String.raw`<\/`)
    .replaceAll(/<(?=[!s])/gi, String.raw`\u003c`);

const lines = (...all: string[]): string => `${all.join('\n')}\n`;
