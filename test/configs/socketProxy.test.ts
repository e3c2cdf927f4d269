import { describe, expect, test } from 'vitest';
import { revisionOf } from '../../configs/files.ts';
import { renderSocketProxy } from '../../configs/socketProxy/render.ts';
import { rendersAlike } from './rendering.ts';

describe('socket proxy (3.15)', () => {
  rendersAlike(
    'socketProxy',
    { docker: { containerd: false }, containerd: { containerd: true } },
    ({ containerd }) => renderSocketProxy(containerd),
  );

  const config = renderSocketProxy(true)['haproxy.cfg'] ?? '';
  const [, pattern = ''] = /acl allowed path_reg (\S+)/.exec(config) ?? [];
  const allowed = (path: string) => new RegExp(pattern).test(path);

  test.each([
    '/_ping',
    '/version',
    '/v1.44/info',
    '/v1.47/events',
    '/networks',
    '/v1.47/containers/json',
    '/containers/taffrail-prod-loki/json',
    '/v1.47/containers/0f3c/logs',
  ])('%s is let through', (path) => {
    expect(allowed(path)).toBe(true);
  });

  test.each([
    '/containers/x/archive',
    '/v1.47/containers/x/export',
    '/containers/x/attach',
    '/containers/x/exec',
    '/containers/x/top',
    '/containers/x/../y/json/archive',
    '/containers/x/json/',
    '/containers/a/b/json',
    '/containers/%2e%2e/json',
    '/images/json',
    '/volumes',
    '/secrets',
    '/build',
    '/v1.47/exec/x/json',
    '/',
    '/x/_ping',
    '/networks/x',
    '/v1.47x/info',
  ])('%s is refused', (path) => {
    expect(allowed(path)).toBe(false);
  });

  test('only reading is let through, and whatever matches no rule is refused', () => {
    expect(config).toContain('acl reads method GET\n');
    expect(config).toMatch(/http-request deny deny_status 403 unless reads allowed\n/);
  });

  test('containerd is asked one thing, of Docker’s containers, and not at all when nobody asks', () => {
    const [, , filter = ''] = config.split(/^frontend /m);
    expect(filter.match(/^ {4}acl get path (.*)$/m)?.[1]).toBe(
      '/containerd.services.containers.v1.Containers/Get',
    );
    expect(filter).toContain('http-request deny deny_status 403 unless get docker once\n');
    expect(renderSocketProxy(false)['haproxy.cfg']).not.toContain('containerd');
  });

  test('another filter is another revision', () => {
    expect(revisionOf(renderSocketProxy(true))).not.toBe(revisionOf(renderSocketProxy(false)));
  });
});
