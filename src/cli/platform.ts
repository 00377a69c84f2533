import { cpus } from 'node:os';

/** The platform of a measurement. It names the CPU, since software drivers report only its register width. */
export const platformName = (): string => [`Node ${process.versions.node}`, cpus().at(0)?.model ?? 'CPU'].join(' on ');
