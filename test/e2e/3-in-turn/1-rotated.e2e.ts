import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ImageKey, imageTag } from '../../../configs/images.ts';
import { CloudBeaverClient } from '../lib/cloudbeaver.ts';
import { docker, exec, inspect, runOnce } from '../lib/engine.ts';
import { basic, json } from '../lib/http.ts';
import { copy } from '../lib/place.ts';
import { a, ensureStacks, ports, rememberSecrets } from '../lib/stacks.ts';

const rotated = [
  'grafanaAdminPassword',
  'postgresPassword',
  'redisPassword',
  'cloudbeaverAdminPassword',
] as const;
type Passwords = Record<(typeof rotated)[number], string>;
const { grafana, cloudbeaver } = ports[a.name] ?? {};
const webDatabase = `http://127.0.0.1:${String(cloudbeaver)}`;
let before: Passwords;
const after = Object.fromEntries(
  rotated.map((name) => [name, `rotated-${name}-${randomBytes(12).toString('hex')}`]),
) as Passwords;

beforeAll(async () => {
  const { secrets } = await ensureStacks();
  before = Object.fromEntries(rotated.map((name) => [name, secrets[name] ?? ''])) as Passwords;
});

const client = async (image: ImageKey, command: string[], environment: Record<string, string>) =>
  (
    await runOnce({
      name: `e2e-rotated-${image}`,
      image: imageTag(image),
      network: `${a.project}-apps`,
      command,
      environment,
    })
  ).stdout.trim();

/** Where system A's bot is built from. */
const context = () => (a.settings()['apps'] as { bot: { build: string } }).bot.build;
let builtBefore: string[];
/** The tags of the image that the bot runs. */
const built = async (): Promise<string[]> =>
  (await docker.getImage((await inspect(`${a.project}-bot`)).Config.Image).inspect()).RepoTags;

/** Which of them lets somebody in, each where it is for. */
async function accepted(passwords: Passwords) {
  // One sign-in a second for a user of CloudBeaver.
  await sleep(1100);
  const [web, sql, cache, browser] = await Promise.all([
    json(`http://127.0.0.1:${String(grafana)}/api/user`, {
      headers: basic('admin', passwords.grafanaAdminPassword),
    }),
    client('postgres', ['psql', '-w', '-h', 'postgres', '-U', 'postgres', '-Atc', 'select 42'], {
      PGPASSWORD: passwords.postgresPassword,
    }),
    client('redis', ['redis-cli', '-h', 'redis', 'ping'], { REDISCLI_AUTH: passwords.redisPassword }),
    new CloudBeaverClient(webDatabase).login('cbadmin', passwords.cloudbeaverAdminPassword),
  ]);
  return {
    grafana: web.status === 200,
    postgres: sql === '42',
    redis: cache === 'PONG',
    cloudbeaver: (browser.errors ?? []).length === 0,
  };
}
const all = { grafana: true, postgres: true, redis: true, cloudbeaver: true };
const none = { grafana: false, postgres: false, redis: false, cloudbeaver: false };

describe('rotation', () => {
  it('3.17 S8: one `up` changes four passwords: each new one works, each old one is refused', async () => {
    // The control: until then it is the other way round.
    expect(await accepted(before)).toEqual(all);
    expect(await accepted(after)).toEqual(none);
    await a.setSecrets(after);
    rememberSecrets(after);
    // For the test below, which needs no `up` of its own.
    builtBefore = await built();
    appendFileSync(join(copy, context(), 'bot.sh'), '\n# another version\n');
    const up = await a.up();
    expect(up.code, up.output).toBe(0);
    expect(await accepted(after)).toEqual(all);
    expect(await accepted(before)).toEqual(none);
  });

  it('3.12 A2: an App whose build context changed runs the image of it, and its predecessor is gone', async () => {
    const images = await built();
    for (const tags of [builtBefore, images])
      expect(tags).toEqual([expect.stringMatching(`^${a.project}-bot:[0-9a-f]{12}$`)]);
    expect(images).not.toEqual(builtBefore);
    await expect(docker.getImage(builtBefore[0] ?? '').inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  it('3.17 A2: who uses a changed password has the new one', async () => {
    const { stdout } = await exec(`${a.project}-bot`, ['cat', '/run/secrets/postgres_password']);
    expect(stdout.trim()).toBe(after.postgresPassword);
    await sleep(1100);
    const browser = new CloudBeaverClient(webDatabase);
    await browser.login('cbadmin', after.cloudbeaverAdminPassword);
    const [connection] = await browser.connections();
    const { id = '', projectId } = connection ?? {};
    await browser.open(id, projectId);
    expect(await browser.query(id, 'SELECT 42', projectId)).toEqual([[expect.anything()]]);
    const { passwords } = (await a.outputs()) as { passwords: Record<string, string> };
    expect(passwords).toMatchObject({
      grafana: after.grafanaAdminPassword,
      cloudbeaver: after.cloudbeaverAdminPassword,
    });
  });
});
