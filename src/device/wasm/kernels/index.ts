// Every entry of the WebAssembly kernels. An entry computes the units [from, to) of a call; see `simd.ts` for its words.
export { matmul } from './matmul';
export { scratchBytes, setScratch } from './scratch';
export { activation, activationGradient, gatedActivation, gatedActivationGradient } from './activation';
export { addScaled, addScaledInto, scaleRows, sign } from './arithmetic';
export { dropout } from './dropout';
export { embedding, embeddingGradient } from './embedding';
export { appendToCache, nextToken } from './generation';
export { innerProductParts, innerProductTotal } from './inner-product';
export { lastTokens, lastTokensGradient } from './last-tokens';
export { mergeAttention } from './merge-attention';
export { adam, adamInto, applyUpdate, clipFactor, squares } from './optimizer';
export { orthonormality } from './orthonormality';
export { sumOfParts } from './reduce-splits';
export { pairwiseBias, relativeBias, relativeBiasGradient } from './relative-bias';
export { rmsNorm, rmsNormGradient, rmsNormWeightGradient } from './rms-norm';
export { rotary } from './rotary';
export { fixSigns, orthonormaliseRows, rightSingularRows } from './subspace';
