// Memory for a kernel's intermediate values: packed panels, scores of a head. Each thread has its own.

/** Bytes that {@link setScratch} must provide. */
const BYTES: u32 = 4 << 20;

/** Start of this instance's scratch memory, 64-byte aligned. A global of the instance, so every thread has its own. */
export let scratch: usize = 0;

/** Sets this instance's scratch memory. Call once, before the first kernel. */
export function setScratch(address: usize, bytes: u32): void {
  if (bytes < BYTES) unreachable();
  scratch = address;
}

/** Bytes of scratch memory that an instance needs. */
export function scratchBytes(): u32 {
  return BYTES;
}
