import { expect, test } from 'vitest';
import type { DeviceChoice } from '../../base/device-choice.ts';
import { embeddedSettings } from '../../run/planning/presets.ts';
import type { DeviceOutlook } from '../../worker/protocol.ts';
import { createDeviceDetector, type DeviceAnswer } from './device.ts';
import { IDLE, startingRun } from './run-state.ts';
import { createPageStore } from './store.ts';

const outlook: DeviceOutlook = {
  kind: 'wasm',
  why: 'no-webgpu',
  name: 'CPU',
  isSoftwareAdapter: false,
  threads: 2,
  singleThread: null,
  bufferBytes: 1,
};
const speed = { operationsPerSecond: 1e9, secondsPerKernel: 1e-6 };

test('looks at once, when another device is chosen, and after a run that interrupted it', () => {
  const store = createPageStore('system');
  const asked: { choice: DeviceChoice; answer: (answer: DeviceAnswer) => void; givenUp: boolean }[] = [];
  const detector = createDeviceDetector(store, (choice, answer) => {
    const one = { choice, answer, givenUp: false };
    asked.push(one);
    return () => (one.givenUp = true);
  });
  detector.watch();
  expect(store.getState().deviceFound).toEqual({ status: 'detecting' });
  asked[0].answer({ type: 'device', outlook });
  expect(store.getState().deviceFound).toEqual({ status: 'known', outlook, speed: null });
  asked[0].answer({ type: 'speed', speed });
  expect(store.getState().deviceFound).toEqual({ status: 'known', outlook, speed });

  store.setState({ device: 'gpu' });
  expect(asked.map(({ choice }) => choice)).toEqual(['auto', 'gpu']);
  const error = { code: 'gpu/no-adapter', message: 'none', nextStep: 'CPU' } as const;
  asked[1].answer({ type: 'no-device', error });
  expect(store.getState().deviceFound).toEqual({ status: 'none', error });

  store.setState({ device: 'cpu' });
  asked[2].answer({ type: 'device', outlook });
  store.setState({ run: startingRun(embeddedSettings('quick', 'gorp')) });
  expect(asked.map(({ givenUp }) => givenUp)).toEqual([false, false, true]);
  store.setState({ run: IDLE });
  expect(asked).toHaveLength(4);
  asked[3].answer({ type: 'device', outlook });
  asked[3].answer({ type: 'speed', speed });
  // A run that interrupts nothing changes nothing.
  store.setState({ run: startingRun(embeddedSettings('quick', 'gorp')) });
  store.setState({ run: IDLE });
  expect(asked).toHaveLength(4);
  detector.again();
  expect(asked).toHaveLength(5);
});
