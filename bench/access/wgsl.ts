/** A storage buffer that a kernel declares. */
export interface StorageBuffer {
  readonly name: string;
  readonly binding: number;
  readonly isWritable: boolean;
  /** The type of its elements, such as `vec4f`. */
  readonly type: string;
  /** Bytes of an element. */
  readonly stride: number;
}

/** Threads of a workgroup. @throws Error where the size is not a list of numbers. */
export function workgroupSize(wgsl: string): number {
  const size = /@workgroup_size\(([\d\s,]+)\)/.exec(wgsl);
  if (size === null) throw new Error('the kernel has no workgroup size in numbers');
  return size[1].split(',').reduce((threads, side) => threads * (side.trim() === '' ? 1 : Number(side)), 1);
}

/** Bytes of workgroup memory that a kernel declares. */
export function workgroupBytes(wgsl: string): number {
  const found = withoutAliases(withoutComments(wgsl)).matchAll(/var<workgroup>\s+\w+\s*:\s*([^;]+);/g);
  return [...found].reduce((sum, [, type]) => sum + bytesOf(type), 0);
}

const STORAGE =
  /@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*(read|read_write)>\s*(\w+)\s*:\s*array<\s*([\w<>]+?)\s*>\s*;/g;

/** The storage buffers of a kernel, in the order of their declaration. */
export const storageBuffers = (wgsl: string): StorageBuffer[] =>
  [...withoutAliases(wgsl).matchAll(STORAGE)].map(([, binding, access, name, type]) => {
    return { name, binding: Number(binding), isWritable: access === 'read_write', type, stride: bytesOf(type) };
  });

/** A kernel's text without the declarations of its storage buffers. */
export const withoutStorage = (wgsl: string): string => wgsl.replace(STORAGE, '');

/** A kernel's text with the types that its aliases stand for. */
function withoutAliases(wgsl: string): string {
  const aliases = [...wgsl.matchAll(/\balias\s+(\w+)\s*=\s*([^;]+);/g)];
  return aliases.reduce((text, [, name, type]) => text.replace(new RegExp(`\\b${name}\\b`, 'g'), type.trim()), wgsl);
}

export const withoutComments = (wgsl: string): string => wgsl.replace(/\/\/.*$/gm, '');

const SCALARS: Readonly<Record<string, number>> = { f32: 4, u32: 4, i32: 4, bool: 4, f16: 2 };
const SUFFIXES: Readonly<Record<string, number>> = { f: 4, u: 4, i: 4, h: 2 };

/** Bytes of a type, vectors of three as large as those of four. @throws Error for a type that no kernel uses. */
function bytesOf(type: string): number {
  const text = type.trim();
  const array = /^array<(.+),\s*(\d+)\s*>$/s.exec(text);
  if (array) return bytesOf(array[1]) * Number(array[2]);
  const vector = /^vec([234])([fuih])$/.exec(text);
  if (vector) return (vector[1] === '2' ? 2 : 4) * SUFFIXES[vector[2]];
  const bytes = SCALARS[text];
  if (bytes === undefined) throw new Error(`the size of ${text} is unknown`);
  return bytes;
}
