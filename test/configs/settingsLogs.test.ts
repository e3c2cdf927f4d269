import { type BadSetting, describeBad } from './badSettings.ts';

// What is wrong in Loki, Promtail and what is collected, and what a person is told.
const rows: BadSetting[] = [
  {
    name: 'an ingestion rate that Loki would count as none',
    config: 'taffrail:loki: {ingestionRate: 1MB}',
    mistakes: [
      {
        path: 'loki.ingestionRate',
        given: '"1MB"',
        wanted: 'a size like 256MiB, 10GiB or 1GB, at least 1MiB',
        type: 'pulumi config set --path taffrail:loki.ingestionRate 1MiB',
      },
    ],
  },
  {
    name: 'a memory limit that Docker would take for none',
    config: 'taffrail:loki: {memory: 900KiB}',
    mistakes: [
      {
        path: 'loki.memory',
        given: '"900KiB"',
        wanted: 'a size like 256MiB, 10GiB or 1GB, at least 6MiB',
        type: 'pulumi config set --path taffrail:loki.memory 6MiB',
      },
    ],
  },
  {
    name: 'a schema of a day that has not come: Loki would refuse every line until then',
    config: 'taffrail:loki: {schemaFrom: 2026-11-23}',
    mistakes: [
      {
        path: 'loki.schemaFrom',
        given: '2026-11-23',
        wanted:
          'a day that has come (today is 2026-11-22): Loki takes no line of a day before its first period',
        type: 'pulumi config set --path taffrail:loki.schemaFrom 2026-11-22',
      },
    ],
  },
  {
    name: 'the same of the earliest period',
    config:
      'taffrail:loki: {schemaFrom: 2027-02-01, earlierSchemas: [{from: 2027-01-01, store: tsdb, schema: v12}]}',
    mistakes: [
      {
        path: 'loki.earlierSchemas[0].from',
        given: '2027-01-01',
        wanted:
          'a day that has come (today is 2026-11-22): Loki takes no line of a day before its first period',
        type: "pulumi config set --path 'taffrail:loki.earlierSchemas[0].from' 2026-11-22",
      },
    ],
  },
  {
    name: 'days written out',
    config: 'taffrail:loki: {retention: 30 days}',
    mistakes: [
      {
        path: 'loki.retention',
        given: '"30 days"',
        wanted: 'a time like 15s, 5m, 48h or 30d',
        type: 'pulumi config set --path taffrail:loki.retention 30d',
      },
    ],
  },
  {
    name: 'a number where a time belongs',
    config: 'taffrail:loki: {retention: 720}',
    mistakes: [
      {
        path: 'loki.retention',
        given: '720',
        wanted: 'a time like 15s, 5m, 48h or 30d',
        type: 'pulumi config set --path taffrail:loki.retention 30d',
      },
    ],
  },
  {
    name: 'an unknown unit of time',
    config: 'taffrail:loki: {retention: 1y}',
    mistakes: [
      {
        path: 'loki.retention',
        given: '"1y"',
        wanted: 'a time like 15s, 5m, 48h or 30d',
        type: 'pulumi config set --path taffrail:loki.retention 30d',
      },
    ],
  },
  {
    name: 'a retention of nothing',
    config: 'taffrail:loki: {retention: 0d}',
    mistakes: [
      {
        path: 'loki.retention',
        given: '"0d"',
        wanted: 'a time like 15s, 5m, 48h or 30d',
        type: 'pulumi config set --path taffrail:loki.retention 30d',
      },
    ],
  },
  {
    name: 'a misspelt key of Loki',
    config: 'taffrail:loki: {retension: 48h}',
    mistakes: [
      {
        path: 'loki.retension',
        given: 'a setting that does not exist: retension',
        wanted: 'perhaps loki.retention',
        type: 'pulumi config set --path taffrail:loki.retention "$(pulumi config get --path taffrail:loki.retension)" && pulumi config rm --path taffrail:loki.retension',
      },
    ],
  },
  {
    name: 'a misspelt key beside the right one',
    config: 'taffrail:loki: {retension: 48h, retention: 48h}',
    mistakes: [
      {
        path: 'loki.retension',
        given: 'a setting that does not exist: retension',
        wanted: 'loki.retention, which is set too',
        type: 'pulumi config rm --path taffrail:loki.retension',
      },
    ],
  },
  {
    name: 'a number where a memory limit belongs',
    config: 'taffrail:loki: {memory: 512}',
    mistakes: [
      {
        path: 'loki.memory',
        given: '512',
        wanted: 'a size like 256MiB, 10GiB or 1GB, at least 6MiB',
        type: 'pulumi config set --path taffrail:loki.memory 512MiB',
      },
    ],
  },
  {
    name: 'a day that does not exist',
    config: 'taffrail:loki: {schemaFrom: "2026-02-31"}',
    mistakes: [
      {
        path: 'loki.schemaFrom',
        given: '"2026-02-31"',
        wanted: 'a day like 2026-12-01',
        type: 'pulumi config set --path taffrail:loki.schemaFrom 2025-06-01',
      },
    ],
  },
  {
    name: 'a day in another order',
    config: 'taffrail:loki: {schemaFrom: 01.12.2026}',
    mistakes: [
      {
        path: 'loki.schemaFrom',
        given: '"01.12.2026"',
        wanted: 'a day like 2026-12-01',
        type: 'pulumi config set --path taffrail:loki.schemaFrom 2025-06-01',
      },
    ],
  },
  {
    name: 'a schema that Loki has not',
    config: 'taffrail:loki: {earlierSchemas: [{from: 2020-10-24, store: tsdb, schema: v14}]}',
    mistakes: [
      {
        path: 'loki.earlierSchemas[0].schema',
        given: '"v14"',
        wanted: 'one of v11, v12, v13',
        type: "pulumi config set --path 'taffrail:loki.earlierSchemas[0].schema' v11",
      },
    ],
  },
  {
    name: 'an index without a day',
    config: 'taffrail:loki: {earlierSchemas: [{store: boltdb-shipper, schema: v11}]}',
    mistakes: [
      {
        path: 'loki.earlierSchemas[0].from',
        given: 'nothing',
        wanted: 'a day like 2026-12-01',
        type: "pulumi config set --path 'taffrail:loki.earlierSchemas[0].from' 2020-10-24",
      },
    ],
  },
  {
    name: 'an earlier period after the current one',
    config: 'taffrail:loki: {earlierSchemas: [{from: 2025-01-01, store: tsdb, schema: v13}]}',
    mistakes: [
      {
        path: 'loki.schemaFrom',
        given: '2024-01-01',
        wanted: 'a day after 2025-01-01, when the last earlier period begins',
        type: 'pulumi config set --path taffrail:loki.schemaFrom 2025-01-02',
      },
    ],
  },
  {
    name: 'periods in the wrong order',
    config: `
taffrail:loki:
  earlierSchemas:
    - {from: 2022-01-01, store: tsdb, schema: v12}
    - {from: 2020-10-24, store: boltdb-shipper, schema: v11}`,
    mistakes: [
      {
        path: 'loki.earlierSchemas',
        given: 'periods in another order',
        wanted: 'the oldest first',
        type: "pulumi config set --path 'taffrail:loki.earlierSchemas[0].from' 2020-10-24 && pulumi config set --path 'taffrail:loki.earlierSchemas[0].store' boltdb-shipper && pulumi config set --path 'taffrail:loki.earlierSchemas[0].schema' v11 && pulumi config set --path 'taffrail:loki.earlierSchemas[0].prefix' index_ && pulumi config set --path 'taffrail:loki.earlierSchemas[1].from' 2022-01-01 && pulumi config set --path 'taffrail:loki.earlierSchemas[1].store' tsdb && pulumi config set --path 'taffrail:loki.earlierSchemas[1].schema' v12 && pulumi config set --path 'taffrail:loki.earlierSchemas[1].prefix' index_",
      },
    ],
  },
  {
    name: 'Loki published to everybody',
    config: 'taffrail:loki: {publish: {address: 0.0.0.0}}',
    mistakes: [
      {
        path: 'loki.publish.address',
        given: '0.0.0.0',
        wanted: 'a loopback or VPN address: loki is not for everybody',
        type: 'pulumi config set --path taffrail:loki.publish.address 127.0.0.1',
      },
    ],
  },
  {
    name: 'Promtail asked for without Loki',
    config: `
taffrail:loki: {enabled: false}
taffrail:promtail: {enabled: true}`,
    mistakes: [
      {
        path: 'promtail.enabled',
        given: 'true, and loki.enabled false',
        wanted: 'Loki, to which Promtail sends',
        type: 'pulumi config set --path taffrail:loki.enabled true',
      },
    ],
  },
  {
    name: 'a misspelt word of collector.keep',
    config: 'taffrail:collector: {keep: everything}',
    mistakes: [
      {
        path: 'collector.keep',
        given: '"everything"',
        wanted: 'own, all, or a list of {project: shop} and {label: logs, value: "yes"}',
        type: 'pulumi config set --path taffrail:collector.keep all',
      },
    ],
  },
  {
    name: 'a misspelt key in collector.keep',
    config: 'taffrail:collector: {keep: [{project: shop}, {proyect: crm}]}',
    mistakes: [
      {
        path: 'collector.keep[1].proyect',
        given: 'a setting that does not exist: proyect',
        wanted: 'perhaps collector.keep[1].project',
        type: "pulumi config set --path 'taffrail:collector.keep[1].project' \"$(pulumi config get --path 'taffrail:collector.keep[1].proyect')\" && pulumi config rm --path 'taffrail:collector.keep[1].proyect'",
      },
    ],
  },
  {
    name: 'a label without a value',
    config: 'taffrail:collector: {keep: [{label: logs}]}',
    mistakes: [
      {
        path: 'collector.keep[0].value',
        given: 'nothing',
        wanted: 'a text that is not empty',
        type: "pulumi config set --path 'taffrail:collector.keep[0].value' yes",
      },
    ],
  },
  {
    name: 'a label that Taffrail sets itself',
    config: 'taffrail:collector: {labels: [level, host]}',
    mistakes: [
      {
        path: 'collector.labels[1]',
        given: 'host',
        wanted: 'another field: Taffrail sets this label itself',
        type: "pulumi config rm --path 'taffrail:collector.labels[1]'",
      },
    ],
  },
  {
    name: 'a field as label and as metadata',
    config: 'taffrail:collector: {labels: [level, user_id]}',
    mistakes: [
      {
        path: 'collector.labels[1]',
        given: 'user_id',
        wanted: 'a field either in labels or in metadata',
        type: "pulumi config rm --path 'taffrail:collector.labels[1]'",
      },
    ],
  },
  {
    name: 'a label with a sign that Loki refuses',
    config: 'taffrail:collector: {labels: [log-level]}',
    mistakes: [
      {
        path: 'collector.labels[0]',
        given: '"log-level"',
        wanted: 'a list of field names',
        type: "pulumi config set --path 'taffrail:collector.labels[0]' level",
      },
    ],
  },
  {
    name: 'two periods from one day',
    config: `
taffrail:loki:
  earlierSchemas:
    - {from: 2020-10-24, store: boltdb-shipper, schema: v11}
    - {from: 2020-10-24, store: tsdb, schema: v12}`,
    mistakes: [
      {
        path: 'loki.earlierSchemas[1].from',
        given: '2020-10-24',
        wanted: 'a day of its own',
        type: "pulumi config set --path 'taffrail:loki.earlierSchemas[1].from' 2020-10-25",
      },
    ],
  },
];

describeBad('3.18 Loki, Promtail and what is collected', rows);
