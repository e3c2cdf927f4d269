import { z } from 'zod';
import { service } from '../schema.ts';

const { image, memory } = service('64MiB');

/** It runs while something asks for containers; it has no switch of its own. */
export const socketProxySettings = z.strictObject({ image, memory });
