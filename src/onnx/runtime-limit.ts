/** What onnxruntime-web can hold at most: its memory has 32-bit addresses. */
export const RUNTIME_BYTES = 4 * 2 ** 30;

/** Bytes of onnxruntime-web's WebAssembly, by what it computes on; the one with WebGPU can do both. */
export const RUNTIME_FILE_BYTES = { wasm: 14_239_897, webgpu: 26_781_914 } as const;
