// `gorp-web/node`: what a program in Node needs besides the core.

export { nodeDevices } from './node-device.ts';
export { nodeHost, nodeTaskReader } from './host.ts';
export { DiskFolder } from './disk-folder.ts';
export { FolderKeyValue } from './key-value-folder.ts';
export { openRoundFolder, writeFiles, writeRound } from './round-folder.ts';
export { openNamedModel } from './named-models.ts';
