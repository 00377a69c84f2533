/**
 * The purposes of a device's memory, as a memory plan counts it: frozen weights; adapters, full-rank weights and their
 * gradients; the optimizer's moments and bases; what methods store about earlier tasks; intermediates; keys and values
 * of generation; batches, kernel parameters and the rest.
 */
export const BUFFER_PURPOSES = ['weights', 'trained', 'optimizer', 'spaces', 'arena', 'caches', 'inputs'] as const;
export type BufferPurpose = (typeof BUFFER_PURPOSES)[number];
