import { type Apply, until } from '../running.ts';

/** The proxy reads its file at the start only. Its answer has gone through the filter to the engine and back. */
export const apply: Apply<unknown> = async (program) => {
  await until(program, '/_ping', { seconds: 60 });
  return 'the socket proxy answers for the engine';
};
