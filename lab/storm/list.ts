import { crashes } from './crashes.ts';
import { disk } from './disk.ts';
import { kills } from './kills.ts';
import { mutations } from './mutations.ts';
import { processes } from './processes.ts';
import { reloads } from './reloads.ts';
import { server } from './server.ts';
import type { Storm } from './storm.ts';

/** All storms by name. */
export const STORMS: Readonly<Record<string, Storm>> = {
  ...{ kills, crashes, reloads, processes },
  ...{ disk, server, mutations },
};
