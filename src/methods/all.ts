// Written by `npm run methods` from the files of this folder; `npm run check` compares.
import { er } from './er.ts';
import { erFullRank } from './er-full-rank.ts';
import { ewc } from './ewc.ts';
import { gainLora } from './gain-lora.ts';
import { galore } from './galore.ts';
import { gorp } from './gorp.ts';
import { gorpB } from './gorp-b.ts';
import { gorpBl } from './gorp-bl.ts';
import { gorpBs } from './gorp-bs.ts';
import { gorpPlus } from './gorp-plus.ts';
import { gpm } from './gpm.ts';
import { incLora } from './inc-lora.ts';
import { infLora } from './inf-lora.ts';
import { klLora } from './kl-lora.ts';
import { lwf } from './lwf.ts';
import { migu } from './migu.ts';
import { mtl } from './mtl.ts';
import { nLora } from './n-lora.ts';
import { oLora } from './o-lora.ts';
import { osft } from './osft.ts';
import { perTask } from './per-task.ts';
import { seqFt } from './seq-ft.ts';
import { seqLora } from './seq-lora.ts';
import { slao } from './slao.ts';

/** Every method, in order of file names. */
export const ALL = [
  er,
  erFullRank,
  ewc,
  gainLora,
  galore,
  gorp,
  gorpB,
  gorpBl,
  gorpBs,
  gorpPlus,
  gpm,
  incLora,
  infLora,
  klLora,
  lwf,
  migu,
  mtl,
  nLora,
  oLora,
  osft,
  perTask,
  seqFt,
  seqLora,
  slao,
] as const;
