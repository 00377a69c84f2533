import { asPieces } from '../base/pieces.ts';
import type { OutputFile } from '../weights/exports/output-file.ts';
import { type DataFile, type DataGroup, type DataTensor, layOutData } from './external-data.ts';
import {
  type Attribute,
  type Dimension,
  type Element,
  externalTensor,
  inlineTensor,
  Message,
  MICROSOFT,
  modelMessage,
  nodeMessage,
  valueMessage,
} from './onnx-messages.ts';

/** Operators of onnxruntime's own domain. */
const OWN_OPERATORS: ReadonlySet<string> = new Set(['RotaryEmbedding', 'FastGelu', 'MatMulNBits']);

/** Written into the model, for information. */
const PRODUCER = 'gorp-web';

/** The name of a tensor of the graph. */
export type Value = string;

/**
 * Builds an ONNX graph node by node. Nodes are in the order of the calls, so they can run in this order. Weights are
 * named here and written to the data files later.
 */
export class GraphBuilder {
  readonly #nodes: Message[] = [];
  readonly #inputs: Message[] = [];
  readonly #outputs: Message[] = [];
  readonly #constants = new Map<string, Message>();
  readonly #groups = new Map<string, DataGroup>();

  /** Declares an input of the model. */
  input(name: string, element: Element, shape: readonly Dimension[]): Value {
    this.#inputs.push(valueMessage(name, element, shape));
    return name;
  }

  /** Declares the value of this name, in f32, as an output of the model. */
  output(name: Value, shape: readonly Dimension[]): void {
    this.#outputs.push(valueMessage(name, 'f32', shape));
  }

  /**
   * Adds a node with one output.
   *
   * @param name of the output, if it must have a certain one.
   */
  node(
    operator: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
    name: Value = `value_${this.#nodes.length}`,
  ): Value {
    const domain = OWN_OPERATORS.has(operator) ? MICROSOFT : '';
    this.#nodes.push(nodeMessage(operator, inputs, [name], attributes, domain));
    return name;
  }

  /** A constant list of int64, [n]. */
  ints(...values: number[]): Value {
    return this.#constant(`ints_${values.join('_')}`, 'i64', [values.length], toInt64(values));
  }

  /** A constant int64 without dimensions. */
  int(value: number): Value {
    return this.#constant(`int_${value}`, 'i64', [], toInt64([value]));
  }

  /** A constant f32 without dimensions. */
  float(value: number): Value {
    return this.#constant(`float_${value}`, 'f32', [], Float32Array.of(value));
  }

  /** A weight in the data files; naming the same one again gives the same value. */
  weight(name: string, element: Element, shape: readonly number[], make: () => Promise<ArrayBufferView>): Value {
    return this.weights([{ name, element, shape }], async () => [await make()])[0];
  }

  /** Weights made together. */
  weights(tensors: readonly DataTensor[], make: DataGroup['make']): Value[] {
    const [{ name }] = tensors;
    if (!this.#groups.has(name)) this.#groups.set(name, { tensors, make });
    return tensors.map(({ name }) => name);
  }

  /**
   * The files of the model: `file`, a few KB, and its data.
   *
   * @param file `model.onnx`.
   * @param isApart which tensors are in separate data files.
   * @throws GorpError as {@link layOutData}.
   */
  files(file: string, isApart?: (tensor: string) => boolean): { model: OutputFile; data: DataFile[] } {
    const groups = [...this.#groups.values()];
    const { places, files } = layOutData(file, groups, { isApart });
    const graph = new Message();
    for (const node of this.#nodes) graph.message(1, node);
    graph.text(2, file.replace('.onnx', ''));
    for (const constant of this.#constants.values()) graph.message(5, constant);
    for (const { name, element, shape } of this.tensors()) {
      const place = places.get(name);
      if (place !== undefined) graph.message(5, externalTensor(name, element, shape, place));
    }
    for (const input of this.#inputs) graph.message(11, input);
    for (const output of this.#outputs) graph.message(12, output);
    const model = modelMessage(graph, PRODUCER).encoded();
    return { model: { path: file, content: () => asPieces(model) }, data: files };
  }

  /** The weights, in the order written. */
  tensors(): DataTensor[] {
    return [...this.#groups.values()].flatMap(({ tensors }) => tensors);
  }

  #constant(name: string, element: Element, shape: readonly number[], content: ArrayBufferView): Value {
    if (!this.#constants.has(name)) this.#constants.set(name, inlineTensor(name, element, shape, content));
    return name;
  }
}

const toInt64 = (values: readonly number[]): BigInt64Array => BigInt64Array.from(values, BigInt);
