import { lokiUrl } from '../loki/listen.ts';
import type { Settings } from '../settings.ts';
import {
  prometheusPasswordFile,
  prometheusPort,
  prometheusService,
  prometheusUser,
} from '../prometheus/listen.ts';

/** What Grafana asks. A uid is for ever: dashboards name it, and a changed one fails silently. */
export interface Datasource {
  uid: string;
  name: string;
  type: 'loki' | 'prometheus';
  url: string;
  isDefault?: boolean;
  jsonData?: Record<string, string | number>;
  basicAuth?: { user: string; passwordFile: string };
}

export const lokiDatasource: Datasource = {
  uid: 'loki',
  name: 'Loki',
  type: 'loki',
  url: lokiUrl,
  isDefault: true,
  jsonData: { maxLines: 1000, timeout: 60 },
};

/** @param scrapeInterval seconds; Grafana's `$__rate_interval` follows it. */
export const prometheusDatasource = (scrapeInterval: number, isDefault: boolean): Datasource => ({
  uid: 'prometheus',
  name: 'Prometheus',
  type: 'prometheus',
  url: `http://${prometheusService}:${String(prometheusPort)}`,
  isDefault,
  jsonData: { httpMethod: 'POST', timeInterval: `${String(scrapeInterval)}s`, prometheusType: 'Prometheus' },
  basicAuth: { user: prometheusUser, passwordFile: prometheusPasswordFile },
});

/** Those whose store runs (S1); the first is the default (A4). */
export function datasources({ loki, prometheus }: Settings): Datasource[] {
  return [
    ...(loki.enabled ? [lokiDatasource] : []),
    ...(prometheus.enabled ? [prometheusDatasource(prometheus.scrapeInterval, !loki.enabled)] : []),
  ];
}
