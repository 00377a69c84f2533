import { WasmDevice } from '../../../../src/device/wasm/wasm-device.ts';
import { browserWasmHost } from '../../../../src/worker/wasm-host.ts';

/** The CPU with one thread, since the harness compares CPU time. */
export const openCpu = (): Promise<WasmDevice> => WasmDevice.open(browserWasmHost(1));
