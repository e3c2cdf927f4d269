import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout under test. */
export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
/** What the end-to-end test keeps. */
export const place = join(root, '.taffrail', 'e2e');
/**
 * A copy of the checkout, in which everything runs: its state, passphrase and settings files are its own, so that a
 * person's stacks in the checkout itself are neither seen nor touched. Its path has a space, as people's have.
 */
export const copy = join(place, 'a checkout');
/** Another, as fresh as a clone, for the embedded default. */
export const freshCopy = join(place, 'a fresh checkout');
/** What every run of the CLI and of the commands printed; searched for secrets. */
export const outputs = join(place, 'outputs');
export const results = join(root, '.taffrail', 'results', 'e2e.json');
/** The label of containers, networks and images that the test itself makes. */
export const ownLabel = 'dev.taffrail.e2e';
export const stackNames = ['e2e-a', 'e2e-b'] as const;
/** The stack of jobs that a test starts by itself. It has no state. */
export const jobStack = 'e2e-jobs';
/**
 * The registry from which stack B has its images, on a port of the host. Nobody listens there until `5-pruned` does: the
 * images have these names from the start.
 */
export const mirror = '127.0.0.1:25005';
export type StackName = (typeof stackNames)[number];
/** Whether the rig's images and its stand-ins are under test. */
export const onRig = process.env['TAFFRAIL_E2E_RIG'] === '1';
