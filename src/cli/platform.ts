import { cpus } from 'node:os';

/** What measurements hold for, by name: a driver that computes on the CPU says of it only how wide its registers are. */
export const platformName = (): string => [`Node ${process.versions.node}`, cpus().at(0)?.model ?? 'CPU'].join(' on ');
