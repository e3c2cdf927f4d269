import { afterEach, expect, test } from 'vitest';
import { dockerHost } from '../../components/host.ts';
import { Job } from '../../components/service.ts';
import { failureOf, settled, startRecording, valueOf } from './harness.ts';

const made = async (exitCode: number, { preview = false, name = 'loki-config-check', stack = 's' } = {}) => {
  await startRecording({
    preview,
    job: () => ({ exitCode, containerLogs: 'line 3: unknown field "scrap"\n\n' }),
  });
  const host = dockerHost({
    project: 'p',
    stack,
    production: false,
    dockerSocket: '/var/run/docker.sock',
  });
  return new Job(name, host, { image: 'x', command: ['check'] }, {});
};
afterEach(settled);

test('3.14: a job that ended well is there to wait for', async () => {
  const job = await made(0);
  expect(await valueOf((await valueOf(job.done)).name)).toBe('p-loki-config-check');
});

test('3.14: a job that failed fails `up` with its own words and the line to type', async () => {
  const job = await made(1);
  const { message } = await failureOf(job.done);
  expect(message).toContain('loki-config-check failed, and what runs was left as it is.');
  expect(message).toContain('\n  line 3: unknown field "scrap"\n');
  expect(message).toContain('type: npm run up -- -s s\n');
  expect(message).toMatch(/pulumi up -s s --replace 'urn:pulumi:[^']+::loki-config-check'/);
});

test('3.14: what failed after the service may have changed it; `local` needs no name', async () => {
  const { message } = await failureOf((await made(1, { name: 'loki-restart', stack: 'local' })).done);
  expect(message).toContain('loki-restart failed. Its words:');
  expect(message).toContain('type: npm run up\n');
});

test('3.14: a preview, which has no exit code yet, does not fail', async () => {
  const job = await made(1, { preview: true });
  expect(await valueOf(job.done)).toBeUndefined();
});
