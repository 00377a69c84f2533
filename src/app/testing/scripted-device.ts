import type { DeviceOutlook, LookAnswer } from '../../worker/protocol.ts';
import type { AskForDevice } from '../device/look-worker.ts';

const GPU: DeviceOutlook = {
  kind: 'webgpu',
  why: 'hardware',
  name: 'NVIDIA GeForce RTX 3060 Laptop GPU',
  isSoftwareAdapter: false,
  threads: null,
  singleThread: null,
  bufferBytes: 2 ** 31,
};
const CPU: DeviceOutlook = {
  ...GPU,
  kind: 'wasm',
  why: 'no-adapter',
  name: 'CPU by WebAssembly, relaxed SIMD, 2 threads',
  threads: 2,
  bufferBytes: 2 ** 32,
};

/** The device found in each scene, by name; other scenes find a graphics card. */
const SCENES: Readonly<Record<string, DeviceOutlook>> = {
  cpu: { ...CPU, why: 'asked' },
  'no-webgpu': { ...CPU, why: 'no-webgpu' },
  'no-adapter': CPU,
  'software-adapter': { ...CPU, why: 'software-adapter' },
  'one-thread': { ...CPU, threads: 1, singleThread: 'not-isolated', name: 'CPU by WebAssembly, SIMD, 1 thread' },
  software: { ...GPU, why: 'asked', isSoftwareAdapter: true, name: 'SwiftShader Device (Subzero)' },
};

const NO_DEVICE: Readonly<Record<string, Extract<LookAnswer, { type: 'no-device' }>['error']>> = {
  'no-simd': {
    code: 'device/no-simd',
    message: 'This browser cannot train on the CPU: it lacks WebAssembly SIMD.',
    nextStep: 'Use a current version of Chrome, Edge, Firefox or Safari.',
  },
  'no-gpu': {
    code: 'gpu/no-adapter',
    message: 'WebGPU found no graphics adapter that it may use.',
    nextStep: 'Turn on hardware acceleration in the browser settings, or train on the CPU.',
  },
};

export const DEVICE_SCENES: readonly string[] = [...Object.keys(SCENES), ...Object.keys(NO_DEVICE)];

/** The device of a scene, with an invented speed. */
export const scriptedDevice =
  (scene: string): AskForDevice =>
  (_, onAnswer) => {
    if (Object.hasOwn(NO_DEVICE, scene)) onAnswer({ type: 'no-device', error: NO_DEVICE[scene] });
    else {
      const outlook = Object.hasOwn(SCENES, scene) ? SCENES[scene] : GPU;
      onAnswer({ type: 'device', outlook });
      const operationsPerSecond = outlook.kind === 'wasm' ? 1.5e10 : 1e12;
      onAnswer({ type: 'speed', speed: { operationsPerSecond, secondsPerKernel: 1e-6 } });
    }
    return () => undefined;
  };
