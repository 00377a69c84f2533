/** The score of a gate is this many times the cosine of its key: docs/method.md, eq. (31). */
export const GATE_SHARPNESS = 4;
/** Far below the mean square of anything that a gate reads, so that a norm is a division by length. */
export const GATE_EPSILON = 1e-16;
