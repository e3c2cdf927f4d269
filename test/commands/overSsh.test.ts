import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parallelFor } from '../../commands/lib/overSsh.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'taffrail-'));
  writeFileSync(join(folder, 'Pulumi.far.yaml'), "config:\n  taffrail:dockerHost: 'ssh://root@vps'\n");
  writeFileSync(
    join(folder, 'Pulumi.near.yaml'),
    'config:\n  taffrail:dockerHost: unix:///run/docker.sock\n',
  );
  writeFileSync(join(folder, 'Pulumi.plain.yaml'), 'config: {}\n');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

it('the CLI does less at once where the engine is behind ssh', () => {
  const parallel = (stack?: string, set = {}) => parallelFor(stack, set, folder)['PULUMI_PARALLEL'];
  expect(parallel('far')).toBe('8');
  expect(parallel('acme/taffrail/far')).toBe('8');
  expect(parallel('near')).toBeUndefined();
  expect(parallel('plain')).toBeUndefined();
  expect(parallel('plain', { DOCKER_HOST: 'ssh://vps' })).toBe('8');
  // The settings count before DOCKER_HOST.
  expect(parallel('near', { DOCKER_HOST: 'ssh://vps' })).toBeUndefined();
  // Which one is selected only the CLI knows.
  expect(parallel(undefined)).toBe('8');
  expect(parallel('far', { PULUMI_PARALLEL: '2' })).toBeUndefined();
  expect(parallel('missing')).toBeUndefined();
});
