/**
 * Makes a module import shared memory. The kernels use no atomic instruction, so the two modules differ in
 * one bit, and compiling twice would take twice as long. (WebAssembly core 3.0, 5.3.7: limits of a shared memory are
 * tagged 0x03, those of one with a maximum 0x01.)
 * @param module which imports one memory with a maximum.
 */
export function shareMemory(module: Uint8Array): Uint8Array {
  const bytes = module.slice();
  let at = 8; // after the magic number and the version
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  };
  const skipName = (): void => {
    const length = number();
    at += length;
  };
  while (at < bytes.length) {
    const section = bytes[at++];
    const size = number();
    const end = at + size;
    if (section === IMPORTS) {
      for (let count = number(); count > 0; count--) {
        skipName();
        skipName();
        if (bytes[at++] !== MEMORY) throw new Error('the kernels import something other than a memory');
        if (bytes[at] !== 0x01) throw new Error('the imported memory has no maximum');
        bytes[at] = 0x03;
        return bytes;
      }
    }
    at = end;
  }
  throw new Error('the kernels import no memory');
}

const IMPORTS = 2;
const MEMORY = 2;
