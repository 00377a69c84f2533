/**
 * What a device's memory is for, as a plan of memory counts it: frozen weights; adapters, full-rank weights and their
 * gradients; the optimizer's moments and bases; what methods keep of earlier tasks; intermediates; keys and values of
 * generation; batches, parameters of kernels and whatever else a program works with.
 */
export const BUFFER_PURPOSES = ['weights', 'trained', 'optimizer', 'spaces', 'arena', 'caches', 'inputs'] as const;
export type BufferPurpose = (typeof BUFFER_PURPOSES)[number];
