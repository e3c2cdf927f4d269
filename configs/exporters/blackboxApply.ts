import { type Apply, ApplyError, expectStatus, until } from '../running.ts';

export interface BlackboxTold {
  /** That of its files, in the name of a module that nobody asks. */
  revision: string;
}

/** Reloads blackbox_exporter, and reads its configuration back. */
export const apply: Apply<BlackboxTold> = async (program, { revision }) => {
  await until(program, '/-/healthy', { seconds: 60, runs: 'unknown' });
  await expectStatus(program.ask, 200, 'POST', '/-/reload', {}, 'old');
  const { body } = await expectStatus(program.ask, 200, 'GET', '/config', {}, 'unknown');
  if (!body.includes(`revision_${revision}:`))
    throw new ApplyError(`Its /config does not name revision ${revision} after the reload.`, 'old');
  return `blackbox_exporter runs revision ${revision}`;
};
