import type { Datasource } from '../datasources.ts';

export const stackDashboardUid = 'taffrail-stack';

/** The home page: is the stack alive, and what do the logs say. Follows what is switched on. */
export function stackDashboard(datasources: Datasource[]) {
  const has = (uid: string) => datasources.some((source) => source.uid === uid);
  const panels = [
    ...(has('prometheus')
      ? [
          panel('Targets that answer', 'stat', 'prometheus', 'sum(up)', 8, 4),
          panel('Targets that do not', 'stat', 'prometheus', 'count(up == 0) or vector(0)', 8, 4),
          panel(
            'Memory of containers',
            'timeseries',
            'prometheus',
            'sum by (name) (container_memory_working_set_bytes{name!=""})',
            24,
            8,
            '{{name}}',
            'bytes',
          ),
        ]
      : []),
    ...(has('loki')
      ? [
          panel(
            'Lines a second',
            'timeseries',
            'loki',
            'sum by (service) (rate({job="docker"}[$__auto]))',
            24,
            8,
            '{{service}}',
          ),
          panel('Newest lines', 'logs', 'loki', '{job="docker"}', 24, 12),
        ]
      : []),
  ];
  let x = 0;
  let y = 0;
  return {
    uid: stackDashboardUid,
    title: 'Stack',
    tags: ['taffrail'],
    timezone: 'browser',
    schemaVersion: 41,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    panels: panels.map(({ w, h, ...rest }, index) => {
      if (x + w > 24) {
        x = 0;
        y += h;
      }
      const placed = { id: index + 1, ...rest, gridPos: { x, y, w, h } };
      x += w;
      if (x >= 24) {
        x = 0;
        y += h;
      }
      return placed;
    }),
  };
}

function panel(
  title: string,
  type: string,
  uid: string,
  expr: string,
  w: number,
  h: number,
  legendFormat?: string,
  unit?: string,
) {
  return {
    title,
    type,
    datasource: { type: uid, uid },
    targets: [
      {
        refId: 'A',
        datasource: { type: uid, uid },
        expr,
        ...(legendFormat !== undefined && { legendFormat }),
      },
    ],
    fieldConfig: { defaults: unit === undefined ? {} : { unit }, overrides: [] },
    options: {},
    w,
    h,
  };
}
