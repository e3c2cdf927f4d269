import type { Apply } from '../../../configs/running.ts';

/** Logic as a test wants it, by the name in what it is told. */
export const logics: Record<string, Apply<unknown>> = {};

export const apply: Apply<{ name: string }> = (program, told) => {
  const logic = logics[told.name];
  if (!logic) throw new Error(`no logic ${told.name}`);
  return logic(program, told);
};
