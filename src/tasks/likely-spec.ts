import type { TaskSpec } from './custom-task.ts';
import type { TaskForm } from './forms.ts';
import type { Recognised } from './formats/recognise.ts';
import { KINDS } from './kinds.ts';

/** The kind and the question of a task whose file names neither. */
export const FORM_DEFAULTS: Readonly<Record<TaskForm, { kind: string; instruction: string | null }>> = {
  labels: { kind: 'TC', instruction: KINDS['TC'] ?? null },
  free: { kind: 'QA', instruction: null },
  chat: { kind: 'Chat', instruction: null },
  text: { kind: 'Text', instruction: null },
};

/** How texts are split unless a person says otherwise. */
export const USUAL_SPLIT = { testShare: 0.2, seed: 1 };

/** A first specification for a file, with the likely columns. @param taken names of other tasks. */
export function likelySpec(
  { name, sha256 }: { name: string; sha256: string },
  { form, textColumn, inputColumn, labelColumn, frame, instruction, kind }: Recognised,
  taken: readonly string[],
): TaskSpec {
  const usual = form === 'labels' ? kind : FORM_DEFAULTS[form];
  return {
    name: freeName(name, taken),
    kind: usual.kind,
    instruction: form === 'free' ? instruction : usual.instruction,
    file: name,
    sha256,
    header: true,
    form,
    textColumn,
    inputColumn,
    labelColumn,
    frame,
    chatAnswers: 'every',
    ...USUAL_SPLIT,
  };
}

/** A file's name without its extension, reduced to what a task name allows and made unique. */
export function freeName(file: string, taken: readonly string[]): string {
  const stem = file
    .replace(/^hf:\/\/datasets\/[^/]+\/([^@/]+)@.*$/, '$1')
    .replace(/\.[a-z]+(?:\.gz)?$/i, '')
    .replace(/[^\p{L}\p{N}_-]+/gu, ' ');
  const name =
    stem
      .replace(/^[ _-]+/, '')
      .slice(0, 36)
      .trim() || 'task';
  let free = name;
  for (let copy = 2; taken.includes(free); copy++) free = `${name} ${copy}`;
  return free;
}
