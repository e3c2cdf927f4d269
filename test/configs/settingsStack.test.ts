import { type BadSetting, describeBad } from './badSettings.ts';

// What is wrong in settings of the stack as a whole, and what a person is told.
const rows: BadSetting[] = [
  {
    name: 'a misspelt setting',
    config: 'taffrail:memroy: 2GiB',
    mistakes: [
      {
        path: 'memroy',
        given: 'a setting that does not exist: memroy',
        wanted: 'perhaps memory',
        type: 'sed -i.bak s/taffrail:memroy:/taffrail:memory:/ Pulumi.prod.yaml',
      },
    ],
  },
  {
    name: 'a misspelt setting with settings of its own',
    config: 'taffrail:grafna: {port: 3100}',
    mistakes: [
      {
        path: 'grafna',
        given: 'a setting that does not exist: grafna',
        wanted: 'perhaps grafana',
        type: 'sed -i.bak s/taffrail:grafna:/taffrail:grafana:/ Pulumi.prod.yaml',
      },
    ],
  },
  {
    name: 'a setting that is nothing like any',
    config: 'taffrail:kubernetes: true',
    mistakes: [
      {
        path: 'kubernetes',
        given: 'a setting that does not exist: kubernetes',
        wanted:
          'one of host, production, memory, dockerHost, registryMirror, networks, collector, socketProxy, loki, promtail, prometheus, grafana, cloudbeaver, nodeExporter, cadvisor, postgresExporter, redisExporter, blackboxExporter, postgres, redis, databases, apps, extra',
        type: 'pulumi config rm --path taffrail:kubernetes',
      },
    ],
  },
  {
    name: 'a key with a space in it',
    config: '"taffrail:my memory": 2GiB',
    mistakes: [
      {
        path: '["my memory"]',
        given: 'a setting that does not exist: my memory',
        wanted: 'perhaps memory',
        type: 'sed -i.bak \'s/"*taffrail:my memory"*:/taffrail:memory:/\' Pulumi.prod.yaml',
      },
    ],
  },
  {
    name: 'a misspelt prefix',
    config: 'tafrail:memory: 2GiB',
    byHand: true,
    mistakes: [
      {
        path: 'memory',
        given: 'the prefix tafrail:',
        wanted: 'taffrail:memory',
        type: 'sed -i.bak s/tafrail:memory:/taffrail:memory:/ Pulumi.prod.yaml',
      },
    ],
  },
  {
    name: 'a number where a size belongs',
    config: 'taffrail:memory: 2048',
    mistakes: [
      {
        path: 'memory',
        given: '"2048"',
        wanted: 'a size like 256MiB, 10GiB or 1GB',
        type: 'pulumi config set --path taffrail:memory 2GiB',
      },
    ],
  },
  {
    name: 'a size with the unit of another program',
    config: 'taffrail:memory: 4gb',
    mistakes: [
      {
        path: 'memory',
        given: '"4gb"',
        wanted: 'a size like 256MiB, 10GiB or 1GB',
        type: 'pulumi config set --path taffrail:memory 4GB',
      },
    ],
  },
  {
    name: 'a size with a space',
    config: 'taffrail:memory: 512 MiB',
    mistakes: [
      {
        path: 'memory',
        given: '"512 MiB"',
        wanted: 'a size like 256MiB, 10GiB or 1GB',
        type: 'pulumi config set --path taffrail:memory 512MiB',
      },
    ],
  },
  {
    name: 'a fraction of a size',
    config: 'taffrail:memory: 1.5GiB',
    mistakes: [
      {
        path: 'memory',
        given: '"1.5GiB"',
        wanted: 'a size like 256MiB, 10GiB or 1GB',
        type: 'pulumi config set --path taffrail:memory 2GiB',
      },
    ],
  },
  {
    name: 'yes for true',
    config: 'taffrail:production: yes',
    mistakes: [
      {
        path: 'production',
        given: '"yes"',
        wanted: 'true or false',
        type: 'pulumi config set --path taffrail:production true',
      },
    ],
  },
  {
    name: 'a word for true or false',
    config: 'taffrail:production: maybe',
    mistakes: [
      {
        path: 'production',
        given: '"maybe"',
        wanted: 'true or false',
        type: 'pulumi config set --path taffrail:production true',
      },
    ],
  },
  {
    name: 'a Docker host over TCP',
    config: 'taffrail:dockerHost: tcp://10.0.0.5:2375',
    mistakes: [
      {
        path: 'dockerHost',
        given: '"tcp://10.0.0.5:2375"',
        wanted: 'an address that starts with ssh:// or unix://',
        type: 'pulumi config set --path taffrail:dockerHost ssh://root@vps.example.com',
      },
    ],
  },
  {
    name: 'a mirror that is a list',
    config: 'taffrail:registryMirror: [registry.example.com]',
    mistakes: [
      {
        path: 'registryMirror',
        given: 'a list',
        wanted: 'a registry like registry.example.com/hub, or a map like {docker.io: ..., ghcr.io: ...}',
        type: 'pulumi config rm --path taffrail:registryMirror && pulumi config set --path taffrail:registryMirror registry.example.com/hub',
      },
    ],
  },
  {
    name: 'an empty setting',
    config: 'taffrail:host: ""',
    mistakes: [
      {
        path: 'host',
        given: 'nothing',
        wanted: 'a text that is not empty',
        type: 'pulumi config set --path taffrail:host vps-1',
      },
    ],
  },
  {
    name: 'a structure where a text belongs',
    config: 'taffrail:host: {name: vps-1}',
    mistakes: [
      {
        path: 'host',
        given: 'a structure',
        wanted: 'a text that is not empty',
        type: 'pulumi config set --path taffrail:host vps-1',
      },
    ],
  },
  {
    name: 'a text where a structure belongs',
    config: 'taffrail:loki: 30d',
    mistakes: [
      {
        path: 'loki',
        given: 'a text',
        wanted:
          'settings of its own: enabled, image, memory, retention, ingestionRate, schemaFrom, earlierSchemas, publish',
        type: 'pulumi config rm --path taffrail:loki',
      },
    ],
  },
  {
    name: 'a setting with nothing below it',
    config: 'taffrail:loki:',
    mistakes: [
      {
        path: 'loki',
        given: 'nothing',
        wanted:
          'settings of its own: enabled, image, memory, retention, ingestionRate, schemaFrom, earlierSchemas, publish',
        type: 'pulumi config rm --path taffrail:loki',
      },
    ],
  },
  {
    name: 'JSON that does not end',
    config: 'taffrail:loki: \'{"retention": "30d"\'',
    mistakes: [
      {
        path: 'loki',
        given: 'a text',
        wanted:
          'settings of its own: enabled, image, memory, retention, ingestionRate, schemaFrom, earlierSchemas, publish',
        type: 'pulumi config rm --path taffrail:loki',
      },
    ],
  },
];

describeBad('3.18 settings of the stack as a whole', rows);
