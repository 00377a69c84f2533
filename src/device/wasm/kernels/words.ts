// The words that a kernel is called with: its scalar parameters, then its constants, then the addresses of its tensors.

/** Word i as an unsigned integer. */
export function word(args: usize, i: u32): u32 {
  return load<u32>(args + ((<usize>i) << 2));
}

/** Word i as a float. */
export function real(args: usize, i: u32): f32 {
  return load<f32>(args + ((<usize>i) << 2));
}

/** Word i as the address of a tensor. */
export function tensor(args: usize, i: u32): usize {
  return load<usize>(args + ((<usize>i) << 2));
}

/** Address of element i of a tensor of 4-byte elements. */
export function element(base: usize, i: u32): usize {
  return base + ((<usize>i) << 2);
}
