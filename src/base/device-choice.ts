/** The devices that a person can choose. */
export const DEVICE_CHOICES = ['auto', 'gpu', 'cpu'] as const;
export type DeviceChoice = (typeof DEVICE_CHOICES)[number];

/**
 * Why a device was chosen: the person wants it (`asked`); there is a graphics card (`hardware`); or only the CPU is
 * left, because there is no WebGPU (`no-webgpu`), no adapter (`no-adapter`), or one that also computes on the CPU, only
 * slower (`software-adapter`).
 */
export const DEVICE_REASONS = ['asked', 'hardware', 'no-webgpu', 'no-adapter', 'software-adapter'] as const;
export type DeviceReason = (typeof DEVICE_REASONS)[number];

/** The choice that selects a device of this kind, if the kind is known; else what the person wants. */
export const choiceOf = (kind: 'webgpu' | 'wasm' | undefined, wanted: DeviceChoice): DeviceChoice =>
  kind === undefined ? wanted : kind === 'webgpu' ? 'gpu' : 'cpu';
