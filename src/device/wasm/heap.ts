import type { Allocator } from '../buffers.ts';

const PAGE = 65_536;
/** Maximum number of pages of one WebAssembly memory: 4 GiB. */
export const MAX_PAGES = 65_536;
/** Start of the heap. The kernels' compiler puts tables of constants below it. */
const FIRST = PAGE;
const ALIGNMENT = 64;
/** Bytes that kernels may read past the end of a tensor. */
const PAD = 64;

/** Maximum bytes of all buffers: one memory, less the part below them. */
export const HEAP_BYTES = MAX_PAGES * PAGE - FIRST;

/** One buffer may take half of the memory. */
export const MAX_BUFFER_BYTES = 2 ** 31 - PAGE;

/** A free part of the memory. */
interface Gap {
  start: number;
  end: number;
}

/**
 * Allocates and frees parts of one WebAssembly memory, each filled with zeros. Uses the smallest gap that fits, joins
 * neighbouring gaps, and grows the memory when none fits.
 */
export class Heap implements Allocator<number> {
  readonly #memory: WebAssembly.Memory;
  /** Maximum bytes of all buffers. */
  readonly total: number;

  /** In address order. */
  readonly #gaps: Gap[] = [];
  /** End of what was ever allocated. */
  #end = FIRST;

  /** @param maximum pages to which the memory can grow. */
  constructor(memory: WebAssembly.Memory, maximum = MAX_PAGES) {
    this.#memory = memory;
    this.total = maximum * PAGE - FIRST;
  }

  limit(): number {
    return Math.min(MAX_BUFFER_BYTES, this.total);
  }

  allocate(_label: string, bytes: number): { memory: number; confirmed: boolean } {
    const size = sizeOf(bytes);
    const usedUntil = this.#end;
    const start = this.#take(size);
    if (start === undefined) return { memory: 0, confirmed: false };
    // Memory that was never used holds zeros already, and takes no room of the machine before it is written.
    const used = Math.min(start + size, usedUntil) - start;
    if (used > 0) new Uint8Array(this.#memory.buffer, start, used).fill(0);
    return { memory: start, confirmed: true };
  }

  free(start: number, bytes: number): void {
    const end = start + sizeOf(bytes);
    const after = this.#gaps.findIndex((gap) => gap.start >= end);
    const at = after < 0 ? this.#gaps.length : after;
    const [before, next] = [this.#gaps.at(at - 1), this.#gaps.at(at)];
    const joinsBefore = at > 0 && before?.end === start;
    const joinsAfter = next?.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = next.end;
      this.#gaps.splice(at, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsAfter) next.start = start;
    else this.#gaps.splice(at, 0, { start, end });
  }

  #take(size: number): number | undefined {
    const lengthOf = ({ start, end }: Gap): number => end - start;
    let best: Gap | undefined;
    for (const gap of this.#gaps)
      if (lengthOf(gap) >= size && (best === undefined || lengthOf(gap) < lengthOf(best))) best = gap;
    if (best === undefined) return this.#grow(size);
    const { start } = best;
    best.start += size;
    if (best.start === best.end) this.#gaps.splice(this.#gaps.indexOf(best), 1);
    return start;
  }

  /** Allocates at the end of the memory, starting in the last gap if it is there. */
  #grow(size: number): number | undefined {
    const last = this.#gaps.at(-1);
    const start = last?.end === this.#end ? last.start : this.#end;
    const pages = Math.ceil((start + size) / PAGE);
    const missing = pages - this.#memory.buffer.byteLength / PAGE;
    if (missing > 0) {
      try {
        this.#memory.grow(missing);
      } catch {
        return undefined; // beyond the limit of a memory or of the machine
      }
    }
    if (last !== undefined && last.start === start) this.#gaps.pop();
    this.#end = start + size;
    return start;
  }
}

const sizeOf = (bytes: number): number => Math.ceil((bytes + PAD) / ALIGNMENT) * ALIGNMENT;
