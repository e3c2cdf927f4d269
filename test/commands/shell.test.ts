import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { missingFrom, ownVariables } from '../../commands/lib/environment.ts';
import { exportLines, failingLine, quoted } from '../../commands/lib/shell.ts';

/** What a POSIX shell makes of the lines. */
const evaluated = (lines: string, name: string): string =>
  execFileSync('sh', ['-c', `eval "$1"; printf %s "$${name}"`, 'sh', lines], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin' },
  });

describe('what `npm run -s env` prints (3.4)', () => {
  const nasty = ['plain', 'a b', "it's", '$HOME `id` $(id)', 'a"b\\c', '', 'ü\n!', '*', '-n', ';', '~'];
  it.each(nasty)('a shell reads %j as it is', (word) => {
    expect(evaluated(exportLines([], { WORD: word }), 'WORD')).toBe(word);
  });

  it('puts folders before PATH, spaces and all', () => {
    expect(evaluated(exportLines(['/a b/bin', "/it's"], {}), 'PATH')).toBe("/a b/bin:/it's:/usr/bin:/bin");
  });

  it('adds nothing to PATH a second time', () => {
    expect(missingFrom(['/a', '/b'], '/b:/usr/bin')).toEqual(['/a']);
    expect(exportLines([], {})).toBe('');
  });

  it('fails in the shell when it has failed itself', () => {
    const shell = spawnSync('sh', ['-c', 'eval "$1"', 'sh', failingLine], { encoding: 'utf8' });
    expect([shell.status, shell.stdout]).toEqual([1, '']);
    expect(shell.stderr).toMatch(/npm run env failed/);
  });

  it('leaves plain words unquoted', () => {
    expect(quoted('unix:///run/docker.sock')).toBe('unix:///run/docker.sock');
  });
});

describe("a person's own variables", () => {
  it('are kept', () => {
    const set = {
      PULUMI_BACKEND_URL: 's3://state',
      PULUMI_CONFIG_PASSPHRASE_FILE: '/p',
      PULUMI_HOME: '/h',
      PULUMI_CONTINUE_ON_ERROR: 'false',
    };
    expect(ownVariables(set)).toMatchObject(set);
  });

  it('a passphrase in the environment is not overruled by a file, nor a Pulumi Cloud login by a folder', () => {
    expect(ownVariables({ PULUMI_CONFIG_PASSPHRASE: 'x' })).not.toHaveProperty(
      'PULUMI_CONFIG_PASSPHRASE_FILE',
    );
    expect(ownVariables({ PULUMI_ACCESS_TOKEN: 'x' })).not.toHaveProperty('PULUMI_BACKEND_URL');
  });

  it('are completed', () => {
    const variables = ownVariables({});
    expect(variables['PULUMI_BACKEND_URL']).toMatch(/^file:\/\/\/.*\/\.taffrail\/state$/);
    expect(variables['PULUMI_CONFIG_PASSPHRASE_FILE']).toMatch(/\/\.taffrail\/passphrase$/);
    expect(variables['PULUMI_HOME']).toMatch(/\/\.taffrail\/pulumi$/);
    expect(variables['PULUMI_CONTINUE_ON_ERROR']).toBe('true');
    expect(variables).not.toHaveProperty('PULUMI_PARALLEL');
  });

  it('keep the CLI below the logins at which sshd drops some, where the engine is behind it', () => {
    const parallel = (set: Record<string, string>, host?: string) =>
      ownVariables(set, host)['PULUMI_PARALLEL'];
    expect(parallel({}, 'ssh://root@vps')).toBe('8');
    expect(parallel({ DOCKER_HOST: 'ssh://root@vps' })).toBe('8');
    expect(parallel({ PULUMI_PARALLEL: '2' }, 'ssh://root@vps')).toBe('2');
    // The settings count before DOCKER_HOST.
    expect(parallel({ DOCKER_HOST: 'ssh://root@vps' }, 'unix:///var/run/docker.sock')).toBeUndefined();
  });
});
