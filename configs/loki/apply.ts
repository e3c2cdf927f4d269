import { type Apply, ApplyError, expectStatus, until } from '../running.ts';

export interface LokiTold {
  /** That of its files: the label of a cluster that it does not form. */
  revision: string;
}

/** Loki reads its file at the start only: its container was replaced, and is asked what it runs. */
export const apply: Apply<LokiTold> = async (program, { revision }) => {
  // It looks around for ten seconds before it calls itself ready.
  await until(program, '/ready', { seconds: 120 });
  const { body } = await expectStatus(program.ask, 200, 'GET', '/config');
  if (!new RegExp(`^\\s*cluster_label: "?${revision}"?$`, 'm').test(body))
    throw new ApplyError(
      `Its /config does not name revision ${revision}: it runs other files than those delivered.`,
      'unknown',
    );
  return `Loki runs revision ${revision}`;
};
