import { describe, expect, it } from 'vitest';
import {
  apart,
  deletion,
  isEmpty,
  leftWords,
  strays,
  takenWords,
  type Things,
  without,
} from '../../commands/lib/owner.ts';
import type { Deployment } from '../../commands/lib/state.ts';

const resource = (type: string, name: string, id: string, outputs = {}) => ({
  urn: `urn:pulumi:local::taffrail::${type}::${name}`,
  type,
  id,
  outputs,
});
const stateOf = (owner?: string, containers: string[] = [], volumes: string[] = []): Deployment => ({
  version: 3,
  deployment: {
    resources: [
      ...(owner === undefined
        ? []
        : [resource('random:index/randomId:RandomId', 'owner', 'x', { hex: owner })]),
      ...containers.map((id) => resource('docker:index/container:Container', id, id)),
      ...volumes.map((id) => resource('docker:index/volume:Volume', id, id)),
    ],
  },
});
const thing = (name: string, owner?: string) => ({ id: name, name, owner });
const made = (owner?: string): Things => ({
  containers: [thing('c1', owner), thing('c2', owner)],
  networks: [thing('n1', owner)],
  volumes: [thing('v1', owner)],
});
const nothing: Things = { containers: [], networks: [], volumes: [] };
const both = (one: Things, other: Things): Things => ({
  containers: [...one.containers, ...other.containers],
  networks: [...one.networks, ...other.networks],
  volumes: [...one.volumes, ...other.volumes],
});

describe("whose a stack's things are", () => {
  it('its own, by their label', () => {
    expect(apart(made('aa'), stateOf('aa'))).toEqual({ own: made('aa'), foreign: nothing });
  });

  it("another's, whatever the stack's name: in a second checkout, one without a state, one before its first up", () => {
    for (const state of [stateOf('bb'), stateOf(), undefined])
      expect(apart(made('aa'), state)).toEqual({ own: nothing, foreign: made('aa') });
  });

  it('without a label: only what the state has', () => {
    const { own, foreign } = apart(made(), stateOf('aa', ['c1'], ['v1']));
    expect([own.containers, own.volumes]).toEqual([[thing('c1')], [thing('v1')]]);
    expect([foreign.containers, foreign.networks]).toEqual([[thing('c2')], [thing('n1')]]);
  });

  it("a volume in the state is another's when its label says so: names are the same in every checkout", () => {
    expect(apart(made('bb'), stateOf('aa', [], ['v1'])).foreign.volumes).toEqual([thing('v1', 'bb')]);
  });

  it("nothing is nobody's", () => {
    const split = apart(nothing, undefined);
    expect(isEmpty(split.own) && isEmpty(split.foreign)).toBe(true);
    expect(takenWords('local', 'unix:///s', split)).toBeUndefined();
  });
});

describe('helpers of a stack that is gone', () => {
  const helper = (owner: string, running = false) => ({ ...thing('h1', owner), helper: true, running });

  it('belong to nobody once they have ended and nothing else has their owner', () => {
    const alone = both(made('aa'), { ...nothing, containers: [helper('bb')] });
    expect(strays(alone)).toEqual([helper('bb')]);
    expect(without(alone, strays(alone))).toEqual(made('aa'));
  });

  it('are left alone while they run, or while anything else of their owner is there', () => {
    expect(strays({ ...nothing, containers: [helper('bb', true)] })).toEqual([]);
    expect(strays({ ...nothing, containers: [helper('bb')], volumes: [thing('v1', 'bb')] })).toEqual([]);
    expect(strays(made('aa'))).toEqual([]);
  });
});

describe('what is said of what another made', () => {
  it('`up`: what, how many, where, and every line to type', () => {
    expect(takenWords('mend', 'unix:///s', apart(made('aa'), undefined))).toBe(
      [
        "Nothing was changed: on unix:///s there is a stack mend which this checkout's state did not make:",
        '  2 containers (c1, c2), 1 volume (v1), 1 network (n1)',
        'Use the checkout (or log in to the backend) that made it, or give this stack another name.',
        'If its state is lost and its data may go, this deletes both:',
        '  docker -H unix:///s rm -f $(docker -H unix:///s ps -aq --filter label=dev.taffrail.stack=mend --filter label=dev.taffrail.owner=aa)',
        '  docker -H unix:///s volume rm $(docker -H unix:///s volume ls -q --filter label=dev.taffrail.stack=mend --filter label=dev.taffrail.owner=aa)',
        '  docker -H unix:///s network rm $(docker -H unix:///s network ls -q --filter label=dev.taffrail.stack=mend --filter label=dev.taffrail.owner=aa)',
      ].join('\n'),
    );
  });

  it('the lines delete nothing of our own', () => {
    const standard = 'unix:///var/run/docker.sock';
    const mixed = apart(
      both(made('aa'), { ...nothing, volumes: [thing('v2'), thing('v3', 'bb')] }),
      stateOf('aa'),
    );
    expect(deletion('mend', standard, mixed)).toEqual(['docker volume rm v2 v3']);
    const unlabelled = apart({ ...nothing, volumes: [thing('v2')] }, undefined);
    expect(deletion('mend', standard, unlabelled)).toEqual([
      'docker volume rm $(docker volume ls -q --filter label=dev.taffrail.stack=mend)',
    ]);
  });

  it('`down`: what it left, and the lines', () => {
    const words = leftWords('local', 'unix:///var/run/docker.sock', apart(made('aa'), undefined));
    expect(words).toMatch(/^Left on unix:.*\n {2}2 containers \(c1, c2\), 1 volume \(v1\)/);
    expect(words).toMatch(/docker volume rm \$\(docker volume ls/);
  });
});
