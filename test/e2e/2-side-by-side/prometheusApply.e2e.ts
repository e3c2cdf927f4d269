import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prometheusRevision, renderPrometheus } from '../../../configs/prometheus/render.ts';
import { Room } from '../lib/applying.ts';

const files = renderPrometheus({
  host: 'vps-1',
  scrapeInterval: 15,
  jobs: [],
  rules: {},
  secretsFolder: '/run/secrets',
});
const revision = prometheusRevision(files);

describe('prometheus-reload reads back what Prometheus runs', () => {
  let room: Room;
  beforeAll(() => {
    room = new Room();
    room.write({ password: 'secret' });
  });
  afterAll(() => {
    room.remove();
  });
  const apply = (wanted: string, successful: string) =>
    room.apply('prometheus/apply.sh', ['taffrail', room.at('password'), wanted], (_, path) => [
      200,
      path === '/metrics'
        ? `# TYPE prometheus_config_last_reload_successful gauge\n${successful}\nprometheus_ready 1\n`
        : { status: 'success', data: { yaml: files['prometheus.yml'] } },
    ]);

  test('3.14: it ends well when that is what was written', async () => {
    expect(await apply(revision, 'prometheus_config_last_reload_successful 1')).toEqual({
      code: 0,
      output: `Prometheus runs revision ${revision}`,
    });
  });
  test('3.14: another revision is seen', async () => {
    const { code, output } = await apply('0123456789ab', 'prometheus_config_last_reload_successful 1');
    expect(output).toMatch(/^Prometheus runs another configuration than revision 0123456789ab/);
    expect(code).toBe(1);
  });
  test.each(['prometheus_config_last_reload_successful 0', ''])(
    '3.14: a reload that was not successful is seen, or one of which nothing is said: %s',
    async (said) => {
      const { code, output } = await apply(revision, said);
      expect(output).toMatch(/^Prometheus does not say that its last reload was successful/);
      expect(code).toBe(1);
    },
  );
});
