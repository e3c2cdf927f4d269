import type { CloudbeaverSettings } from './settings.ts';

/** Where CloudBeaver answers in its container. */
export const cloudBeaverPort = 8978;

/** The address that people type. */
export const cloudBeaverAddress = ({ address, port }: CloudbeaverSettings): string =>
  `http://${address.includes(':') ? `[${address}]` : address}:${String(port)}`;
