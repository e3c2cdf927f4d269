import { beforeAll, describe, expect, it } from 'vitest';
import { containersOf } from '../lib/engine.ts';
import { inShell } from '../lib/stack.ts';
import { addressOfB, b, ensureStacks, ports } from '../lib/stacks.ts';

beforeAll(async () => {
  await ensureStacks();
});

const servicesOf = async (stack: string): Promise<string[]> =>
  (await containersOf(stack))
    .filter(({ Labels }) => !Labels['dev.taffrail.job'])
    .map(({ Labels }) => Labels['com.docker.compose.service'] ?? '');

describe('`npm run status`', () => {
  it('3.3 S9: shows every service with its state, age and memory, every volume with its size, and the addresses', async () => {
    const { code, output } = await b.npm('status');
    expect(code, output).toBe(0);
    const services = await servicesOf(b.name);
    expect(services.length).toBeGreaterThan(8);
    for (const service of services) {
      expect(output).toMatch(
        new RegExp(
          `^${service} +running(, healthy)? +\\d+ (s|min|h)\\b.* +[\\d.]+ [KM]iB of [\\d.]+ [MG]iB \\(\\d+ %\\) +0$`,
          'm',
        ),
      );
    }
    expect(output).toMatch(/^prometheus-data +[\d.]+ [KM]iB$/m);
    const { grafana, cloudbeaver } = ports[b.name] ?? {};
    expect(output).toMatch(new RegExp(`^grafana +http://${addressOfB}:${String(grafana)}$`, 'm'));
    expect(output).toMatch(new RegExp(`^cloudbeaver +http://${addressOfB}:${String(cloudbeaver)}$`, 'm'));
  });
});

describe('`npm run doctor`', () => {
  it('3.3: finds nothing wrong with the host on which the stack is, and names each check', async () => {
    const { code, output } = await b.npm('doctor');
    expect(code, output).toBe(0);
    expect(output).not.toMatch(/^FAIL/m);
    for (const check of ['kind', 'version', 'storage', 'cgroups', 'ports', 'disk', 'memory', 'clock'])
      expect(output).toMatch(new RegExp(`^(ok  |-   |WARN)  ${check} `, 'm'));
    expect(output).toContain('The stack e2e-b is up already: npm run status -- -s e2e-b');
  });
});

describe('`eval "$(npm run -s env)"`', () => {
  it('3.4 3.22: `pulumi` works in that shell, natively, and its preview shows no change', async () => {
    const { code, output } = await inShell(
      `pulumi stack ls; pulumi config get taffrail:host -s ${b.name}; pulumi stack output addresses -s ${b.name}; pulumi preview -s ${b.name} --expect-no-changes --non-interactive`,
    );
    expect(code, output).toBe(0);
    expect(output).toContain('e2e-host-b');
    expect(output).toContain(`http://${addressOfB}:${String(ports[b.name]?.grafana)}`);
    expect(output).toMatch(/Resources:\s+\d+ unchanged/);
  });

  it('3.4: the CLI’s own exit code and words come through', async () => {
    const { code, output } = await inShell(
      'pulumi stack select nowhere || a=$?; "$TAFFRAIL_PULUMI" stack select nowhere || b=$?; echo "codes $a $b"',
    );
    expect(code, output).toBe(0);
    expect(output).toMatch(/codes (?!0)(\d+) \1$/m);
    expect(output.match(/no stack named 'nowhere' found/g)).toHaveLength(2);
  });
});
