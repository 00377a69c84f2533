/** An adapter's `info`; empty in browsers without it, such as Chrome up to 126. */
export const infoOf = (adapter: GPUAdapter): Partial<GPUAdapterInfo> => (adapter as Partial<GPUAdapter>).info ?? {};
