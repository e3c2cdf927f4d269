import { readFileSync } from 'node:fs';

/** A script that jobs run with the shell of the `tools` image; a file beside this one or below configs/. */
export const script = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
