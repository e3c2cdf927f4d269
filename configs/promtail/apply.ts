import { type Answer, type Apply, ApplyError, expectStatus, until } from '../running.ts';

export interface PromtailTold {
  /** That of its files, which a header to Loki carries. */
  revision: string;
}

/** Reloads Promtail unless it runs the files already, and reads its configuration back. */
export const apply: Apply<PromtailTold> = async (program, { revision }) => {
  const runs = ({ body }: Answer): boolean =>
    new RegExp(`X-Taffrail-Revision: "?${revision}"?$`, 'im').test(body);
  // `/ready` waits for something to read: that it answers at all is enough here.
  const answer = await until(program, '/config', { seconds: 120, runs: 'unknown' });
  if (!runs(answer)) {
    await expectStatus(program.ask, 200, 'POST', '/reload', {}, 'old');
    const reloaded = await expectStatus(program.ask, 200, 'GET', '/config', {}, 'unknown');
    if (!runs(reloaded))
      throw new ApplyError(`Its /config does not name revision ${revision} after the reload.`, 'old');
  }
  return `Promtail runs revision ${revision}`;
};
