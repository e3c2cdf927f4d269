import type { GrafanaSettings } from './settings.ts';

/** Where Grafana answers in its container. */
export const grafanaPort = 3000;
export const grafanaService = 'grafana';
/** Seconds it may take to start; its first start makes the database. */
export const grafanaStartSeconds = 240;
/** Whom its metrics ask for: the port is published, and metrics tell much. */
export const grafanaMetricsUser = 'taffrail';
/** Secret files, on the volume of each consumer. */
export const grafanaAdminPasswordFile = 'grafana-admin-password';
export const grafanaMetricsPasswordFile = 'grafana-metrics-password';
export const grafanaOauthSecretFile = 'grafana-oauth-secret';

/** The address that people type; every link begins with it. */
export const grafanaAddress = ({ rootUrl, address, port }: GrafanaSettings): string =>
  rootUrl ?? `http://${address.includes(':') ? `[${address}]` : address}:${String(port)}`;

/** Its database, and the note of what Taffrail brought. */
export const grafanaDataFolder = '/var/lib/grafana';
/**
 * The part of its memory limit that `GOMEMLIMIT` gives it. Its plugins are processes of their own in the same container
 * and do not inherit it: the rest is theirs.
 */
export const grafanaGoMemoryShare = 0.6;
