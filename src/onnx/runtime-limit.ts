/** Maximum bytes that onnxruntime-web can hold: its memory has 32-bit addresses. */
export const RUNTIME_BYTES = 4 * 2 ** 30;

/** Bytes of onnxruntime-web's WebAssembly by device; the build with WebGPU supports both. */
export const RUNTIME_FILE_BYTES = { wasm: 14_239_897, webgpu: 26_781_914 } as const;
