/** How the weights of an export are stored. */
export const ONNX_DTYPES = ['f32', 'f16', 'q8', 'q4'] as const;

export type OnnxDtype = (typeof ONNX_DTYPES)[number];

/** The suffixes of model files, by which transformers.js finds the requested weight format. */
export const FILE_SUFFIX: Readonly<Record<OnnxDtype, string>> = { f32: '', f16: '_fp16', q8: '_quantized', q4: '_q4' };

/** The name of a weight format in transformers.js: `dtype` of its calls. */
export const TRANSFORMERS_JS_DTYPE: Readonly<Record<OnnxDtype, string>> = {
  f32: 'fp32',
  f16: 'fp16',
  q8: 'q8',
  q4: 'q4',
};

/** The weight formats in words. */
export const DTYPE_WORDS: Readonly<Record<OnnxDtype, string>> = {
  f32: '32 bits',
  f16: '16 bits',
  q8: '8 bits',
  q4: '4 bits',
};

/** Maximum bytes that onnxruntime-web can hold: its memory has 32-bit addresses. */
export const RUNTIME_BYTES = 4 * 2 ** 30;

/** Bytes of onnxruntime-web's WebAssembly by device; the build with WebGPU supports both. */
export const RUNTIME_FILE_BYTES = { wasm: 14_239_897, webgpu: 26_781_914 } as const;
