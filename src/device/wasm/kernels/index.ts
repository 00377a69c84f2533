// Every entry of the WebAssembly kernels. An entry computes the units [from, to) of a call, whose words `simd.ts`
// describes.
export { attention, attentionDelta, attentionGradKv, attentionGradQ } from './attention';
export { argMax, choiceLosses, crossEntropyGradient, crossEntropyRows, crossEntropyTotal } from './cross-entropy';
export { matmul } from './matmul';
export { scratchBytes, setScratch } from './scratch';
export { activation, activationGradient, gatedActivation, gatedActivationGradient } from './activation';
export { addScaled, addScaledInto, addToRows, scaled, scaleRows, sign, unit } from './arithmetic';
export { divergenceGradient, divergenceRows } from './distillation';
export { dropout } from './dropout';
export { embedding, embeddingGradient } from './embedding';
export { appendToCaches, nextToken } from './generation';
export { innerProductParts, innerProductTotal } from './inner-product';
export { maskRows } from './mask-rows';
export { adam, adamInto, applyUpdate, clipFactor, innerProducts } from './optimizer';
export { orthonormality } from './orthonormality';
export { scaleBlocks, scaleBlocksGradient } from './scale-blocks';
export { squareLargest, squareTrace } from './square-measures';
export { sumOfParts } from './reduce-splits';
export { relativeBias } from './relative-bias';
export { rmsNorm, rmsNormGradient, rmsNormWeightGradient } from './rms-norm';
export { rotary } from './rotary';
export { sweepBorders, sweepPanel, sweepPivot } from './sweep';
export { fixSigns, orthonormaliseRows, rightSingularRows } from './subspace';
