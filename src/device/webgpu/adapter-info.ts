/** What an adapter says of itself; nothing in browsers whose adapters have no `info`, as in Chrome 126 and before. */
export const infoOf = (adapter: GPUAdapter): Partial<GPUAdapterInfo> => (adapter as Partial<GPUAdapter>).info ?? {};
