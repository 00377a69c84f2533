import { writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { methodsText } from './text.ts';

writeFileSync(new URL('../../docs/methods.md', import.meta.url), await format(methodsText(), { parser: 'markdown' }));
