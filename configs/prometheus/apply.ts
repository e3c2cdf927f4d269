import { type Apply, ApplyError, type Asked, basic, expectStatus, until } from '../running.ts';

export interface PrometheusTold {
  user: string;
  password: string;
  /** That of its files, which a rule that matches nothing carries. */
  revision: string;
}

/** Reloads Prometheus, and reads its configuration back. */
export const apply: Apply<PrometheusTold> = async (program, { user, password, revision }) => {
  const asked: Asked = { headers: basic(user, password) };
  // The container may have been there before: what it asks for then is in its old files until it reloads.
  await until(program, '/-/ready', {
    // A large write-ahead log is replayed first.
    seconds: 240,
    asked,
    runs: 'unknown',
    wanted: ({ status }) => status === 200 || status === 401,
  });
  const reload = await program.ask('POST', '/-/reload', asked);
  if (reload.status === 401)
    throw new ApplyError(
      'Its new password is not in force yet, and it refuses it: run the command again.',
      'old',
    );
  if (reload.status !== 200)
    throw new ApplyError(
      `POST /-/reload answered ${reload.status}:\n${reload.body.trim().slice(0, 2000)}`,
      // Some of its parts have taken the new files by then.
      reload.body.includes('while applying') ? 'unknown' : 'old',
    );
  const { body } = await expectStatus(program.ask, 200, 'GET', '/api/v1/status/config', asked, 'unknown');
  if (!body.includes(`revision/${revision}`))
    throw new ApplyError(`Its configuration does not name revision ${revision} after the reload.`, 'old');
  // Its own word, not that of its last scrape of itself, which is older than the reload.
  const metrics = await expectStatus(program.ask, 200, 'GET', '/metrics', asked, 'unknown');
  if (!/^prometheus_config_last_reload_successful 1$/m.test(metrics.body))
    throw new ApplyError(
      'It does not say that its last reload was successful (prometheus_config_last_reload_successful).',
      'old',
    );
  return `Prometheus runs revision ${revision}`;
};
