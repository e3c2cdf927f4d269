import type { CloudbeaverSettings } from './settings.ts';

/** Where CloudBeaver answers in its container. */
export const cloudBeaverPort = 8978;
/** Seconds for Java to start, on a small and busy host. */
export const cloudBeaverStartSeconds = 240;

/** The address that people type. */
export const cloudBeaverAddress = ({ address, port }: CloudbeaverSettings): string =>
  `http://${address.includes(':') ? `[${address}]` : address}:${String(port)}`;

/** Asks for the health path. The image has bash, and no longer curl (cloudbeaver#4483). */
export const cloudBeaverHealthcheck = (healthPath: string): string[] => [
  'bash',
  '-c',
  [
    `exec 3<>/dev/tcp/127.0.0.1/${String(cloudBeaverPort)}`,
    String.raw`printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$1" >&3`,
    'read -r _ status _ <&3',
    '[ "$status" = 200 ]',
  ].join(' && '),
  'bash',
  healthPath,
];
