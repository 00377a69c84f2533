import type { DeviceOutlook } from '../../worker/protocol.ts';
import type { DeviceReport } from '../../run/results.ts';

/** What keeps a page from using the graphics card, as far as it can tell. */
export type GpuObstacle = 'insecure' | 'no-webgpu' | 'no-adapter' | 'software-adapter';

/** What stands between this page and the graphics card; null where a run uses one, or the person wants the CPU. */
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
  insecure: 'browsers offer graphics cards to pages over https or from this machine only',
  'no-webgpu': 'this browser has no WebGPU',
  'no-adapter': 'the browser found no graphics card that it may use',
  'software-adapter': 'the only graphics adapter here is software, which is slower',
};

/** `Trains on the CPU (WebAssembly, 2 threads): this browser has no WebGPU.` */
export function deviceLine(outlook: DeviceOutlook, isSecure: boolean): string {
  const { kind, why, name, isSoftwareAdapter, threads } = outlook;
  if (kind === 'webgpu') {
    if (isSoftwareAdapter) return `Trains on ${name}, a graphics adapter of software, as you chose.`;
    return why === 'asked'
      ? `Trains on the graphics card (${name}), as you chose.`
      : `Trains on the graphics card (${name}).`;
  }
  const cpu = `Trains on the CPU (WebAssembly, ${threads === 1 ? '1 thread' : `${threads ?? 1} threads`})`;
  const obstacle = gpuObstacle(outlook, isSecure);
  return obstacle === null ? `${cpu}, as you chose.` : `${cpu}: ${WHY[obstacle]}.`;
}

/** Why only one of the CPU's cores is used, with what would change it; null where that is not so. */
export function singleThreadNote({ singleThread }: DeviceOutlook, isSecure: boolean): string | null {
  switch (singleThread) {
    case 'not-isolated':
      return isSecure
        ? 'It uses one core only: threads share memory, which browsers allow on pages whose server sends the headers COOP and COEP, and this server does not. “npm start” sends them.'
        : 'It uses one core only: threads share memory, which browsers allow on pages over https or from this machine only.';
    case 'no-worker':
      return 'It uses one core only: the browser started no further workers. Close other tabs and reload the page.';
    case 'one-core':
    case null:
      return null;
  }
}

/** What computed a run, by name. */
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

/** Why a run computed where it did, in a few words; empty where there is nothing to explain. */
export const reasonNote = ({ kind, why, software }: Pick<DeviceReport, 'kind' | 'why' | 'software'>): string =>
  kind === 'webgpu' && software ? 'software' : REASONS[why];
