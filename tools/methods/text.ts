import { type Method, MENU, needsInWords } from '../../src/methods/parts/method.ts';
import type { Setting } from '../../src/methods/parts/setting.ts';
import { METHODS } from '../../src/methods/registry.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** The values that a setting may have. */
const valuesOf = (setting: Setting): string =>
  setting.kind === 'number' ? setting.range.words : setting.options.map(({ value }) => `\`${value}\``).join(', ');

function sectionOf({ name, summary, citation, needs, settings }: Method): string {
  const lines = [`### \`${name}\``, '', summary, ''];
  const needed = needsInWords(needs);
  if (needed !== '') lines.push(needed, '');
  if (citation !== null) lines.push(`Source: ${citation}`, '');
  const own = Object.entries(settings).map(([key, one]) => `\`${key}\` ${String(one.initial)}`);
  lines.push(`Settings: ${own.join(', ')}.`, '');
  return lines.join('\n');
}

/** Every setting of any method, once, with its label and help in the form. */
function settingsTable(): string {
  const all = new Map(METHODS.flatMap(({ settings }) => Object.entries(settings)));
  const rows = [...all].map(([key, setting]) =>
    cell(`\`${key}\`\n${setting.label}: ${setting.help}\n${valuesOf(setting)}`)
      .split('\n')
      .join(' | '),
  );
  return ['| setting | what it is | values |', '| --- | --- | --- |', ...rows.map((row) => `| ${row} |`)].join('\n');
}

/** docs/methods.md: everything that the registry says about the methods. */
export function methodsText(): string {
  const groups = MENU.map((title) => ({ title, methods: METHODS.filter(({ menu }) => menu === title) }))
    .filter(({ methods }) => methods.length > 0)
    .map(({ title, methods }) => [`## ${title}`, '', ...methods.map(sectionOf)].join('\n'));
  const intro =
    'Made by `npm run methods` from [src/methods](../src/methods), one file a method; `npm run check` compares. Settings are shown with ' +
    'their initial values; the embedded order begins with others ([presets.ts](../src/run/presets.ts)).';
  return `# The methods\n\n${intro}\n\n${groups.join('\n')}\n## Settings\n\n${settingsTable()}\n`;
}
