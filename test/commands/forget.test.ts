import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forgetKept, forgetSettings, stacksIn } from '../../commands/lib/forget.ts';

let root: string;
const places = () => ({ root, kept: join(root, '.taffrail'), state: join(root, '.taffrail', 'state') });
const put = (file: string, text = '{}') => {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
};
const has = (file: string) => existsSync(join(root, file));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'taffrail forget '));
  put('.taffrail/passphrase', 'x');
  put('.taffrail/results/unit.json');
  put('.taffrail/state/.pulumi/meta.yaml');
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

describe('what is kept after `down`', () => {
  it('nothing, when the last stack of the own backend is gone', () => {
    expect(forgetKept(true, places())).toEqual([]);
    expect(has('.taffrail')).toBe(false);
  });

  it("everything, when the backend is the person's own", () => {
    expect(forgetKept(false, places())).toEqual([expect.stringMatching(/^Kept: .*your own backend/)]);
    expect(has('.taffrail/passphrase')).toBe(true);
  });

  it('everything, while another stack is in the own backend', () => {
    put('.taffrail/state/.pulumi/stacks/taffrail/prod.json');
    put('.taffrail/state/.pulumi/stacks/taffrail/prod.json.bak');
    expect(stacksIn(places().state)).toEqual(['prod']);
    expect(forgetKept(true, places())).toEqual([expect.stringMatching(/the state of prod/)]);
    expect(has('.taffrail/passphrase')).toBe(true);
  });

  it('everything, while another command or the end-to-end tests are at work in it', () => {
    put('.taffrail/prod.pid', JSON.stringify({ pid: process.ppid, timestamp: new Date().toISOString() }));
    expect(forgetKept(true, places())).toEqual([expect.stringMatching(/process \d+/)]);
    put('.taffrail/prod.pid', 'rubbish');
    put('.taffrail/e2e/pid', String(process.pid));
    expect(forgetKept(true, places())).toEqual([expect.stringMatching(/end-to-end/)]);
    put('.taffrail/e2e/pid', '0');
    expect(forgetKept(true, places())).toEqual([]);
  });

  it('the passphrase, while any settings file is encrypted', () => {
    put('Pulumi.prod.yaml', 'encryptionsalt: v1:x\nconfig:\n  taffrail:a: {}\n');
    expect(forgetKept(true, places())).toEqual([
      expect.stringMatching(/passphrase, because Pulumi\.prod\.yaml/),
    ]);
    expect(readdirSync(places().kept)).toEqual(['passphrase']);
  });
});

describe('the settings file of a stack that is gone', () => {
  it('of local: goes, with the copy that `sed -i.bak` left', () => {
    put('Pulumi.local.yaml', 'encryptionsalt: v1:x\n');
    put('Pulumi.local.yaml.bak');
    expect(forgetSettings('local', true, places())).toEqual([
      'Removed: Pulumi.local.yaml, which had no settings.',
    ]);
    expect([has('Pulumi.local.yaml'), has('Pulumi.local.yaml.bak')]).toEqual([false, false]);
  });

  it("of local with a person's settings: stays, and that is said", () => {
    put('Pulumi.local.yaml', 'encryptionsalt: v1:x\nconfig:\n  taffrail:loki:\n    retention: 30d\n');
    expect(forgetSettings('local', true, places())).toEqual([
      expect.stringMatching(/^Kept: Pulumi\.local\.yaml/),
    ]);
    expect(readFileSync(join(root, 'Pulumi.local.yaml'), 'utf8')).toBe(
      'config:\n  taffrail:loki:\n    retention: 30d\n',
    );
  });

  it('of another: loses no salt with which something is encrypted', () => {
    const text = 'encryptionsalt: v1:x\nconfig:\n  taffrail:a:\n    secure: v1:y\n';
    put('Pulumi.prod.yaml', text);
    expect(forgetSettings('prod', true, places())).toEqual([]);
    expect(readFileSync(join(root, 'Pulumi.prod.yaml'), 'utf8')).toBe(text);
  });
});
