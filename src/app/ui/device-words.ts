import type { DeviceOutlook } from '../../worker/protocol.ts';
import type { DeviceReport } from '../../run/results/results.ts';

/** The obstacle to using the graphics card, as far as the page can tell. */
export type GpuObstacle = 'insecure' | 'no-webgpu' | 'no-adapter' | 'software-adapter';

/** Finds the obstacle to using the graphics card; null if a run uses one or the user chose the CPU. */
export function gpuObstacle({ why, isSoftwareAdapter }: DeviceOutlook, isSecure: boolean): GpuObstacle | null {
  switch (why) {
    case 'no-webgpu':
      return isSecure ? 'no-webgpu' : 'insecure';
    case 'no-adapter':
    case 'software-adapter':
      return why;
    case 'asked':
    case 'hardware':
      return isSoftwareAdapter ? 'software-adapter' : null;
  }
}

const WHY: Readonly<Record<GpuObstacle, string>> = {
  insecure: 'browsers allow the graphics card only to pages loaded over https or from this machine',
  'no-webgpu': 'this browser has no WebGPU',
  'no-adapter': 'the browser found no usable graphics card',
  'software-adapter': 'the only graphics adapter here is software, which is slower',
};

/** `Trains on the CPU (WebAssembly, 2 threads): this browser has no WebGPU.` */
export function deviceLine(outlook: DeviceOutlook, isSecure: boolean): string {
  const { kind, why, name, isSoftwareAdapter, threads } = outlook;
  if (kind === 'webgpu') {
    if (isSoftwareAdapter) return `Trains on ${name}, a software graphics adapter, as you chose.`;
    return why === 'asked'
      ? `Trains on the graphics card (${name}), as you chose.`
      : `Trains on the graphics card (${name}).`;
  }
  const cpu = `Trains on the CPU (WebAssembly, ${threads === 1 ? '1 thread' : `${threads ?? 1} threads`})`;
  const obstacle = gpuObstacle(outlook, isSecure);
  return obstacle === null ? `${cpu}, as you chose.` : `${cpu}: ${WHY[obstacle]}.`;
}

/** Why only one CPU core is used, and what would change that; null if more are used. */
export function singleThreadNote({ singleThread }: DeviceOutlook, isSecure: boolean): string | null {
  switch (singleThread) {
    case 'not-isolated':
      return isSecure
        ? 'It uses only one core: threads need shared memory, which browsers allow only if the server sends the headers COOP and COEP. This server does not; “npm start” does.'
        : 'It uses only one core: threads need shared memory, which browsers allow only over https or from this machine.';
    case 'no-worker':
      return 'It uses only one core: the browser could not start more workers. Close other tabs and reload the page.';
    case 'one-core':
    case null:
      return null;
  }
}

/** The name of the device that computed a run. */
export const deviceName = ({
  description,
  vendor,
  architecture,
}: Pick<DeviceReport, 'description' | 'vendor' | 'architecture'>): string =>
  description || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed';

const REASONS: Readonly<Record<DeviceReport['why'], string>> = {
  asked: '',
  hardware: '',
  'no-webgpu': 'no WebGPU',
  'no-adapter': 'no graphics card found',
  'software-adapter': 'the graphics adapter is software',
};

/** Why a run used its device, in a few words; empty if there is nothing to explain. */
export const reasonNote = ({ kind, why, software }: Pick<DeviceReport, 'kind' | 'why' | 'software'>): string =>
  kind === 'webgpu' && software ? 'software' : REASONS[why];
