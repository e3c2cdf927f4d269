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
          'one of host, production, memory, dockerHost, registryMirror, networks, collector, loki, promtail, prometheus, grafana, cloudbeaver, nodeExporter, cadvisor, postgresExporter, redisExporter, blackboxExporter, postgres, redis, databases, apps, extra',
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
  {
    name: 'limits above the memory',
    config: `
taffrail:memory: 1GiB
taffrail:cloudbeaver: {enabled: false}`,
    mistakes: [
      {
        path: 'memory',
        given: '1024MiB',
        wanted:
          'at least 1856MiB, or lower limits: loki 512MiB, prometheus 512MiB, grafana 256MiB, promtail 128MiB, nodeExporter 64MiB, cadvisor 256MiB, blackboxExporter 64MiB, the socket proxy 64MiB',
        type: 'pulumi config set --path taffrail:memory 1856MiB',
      },
    ],
  },
  {
    name: 'a network without a name',
    config: 'taffrail:networks: [{attach: [grafana]}]',
    mistakes: [
      {
        path: 'networks[0].name',
        given: 'nothing',
        wanted: 'a text that is not empty',
        type: "pulumi config set --path 'taffrail:networks[0].name' shop_default",
      },
    ],
  },
  {
    name: 'a program that cannot join a network',
    config: 'taffrail:networks: [{name: shop_default, attach: [grafna]}]',
    mistakes: [
      {
        path: 'networks[0].attach[0]',
        given: '"grafna"',
        wanted: 'one of grafana, prometheus, loki',
        type: "pulumi config set --path 'taffrail:networks[0].attach[0]' grafana",
      },
    ],
  },
  {
    name: 'a text where a list of programs belongs',
    config: 'taffrail:networks: [{name: shop_default, attach: prometheus}]',
    mistakes: [
      {
        path: 'networks[0].attach',
        given: 'a text',
        wanted: 'a list of grafana, prometheus, loki',
        type: "pulumi config rm --path 'taffrail:networks[0].attach' && pulumi config set --path 'taffrail:networks[0].attach[0]' prometheus",
      },
    ],
  },
  {
    name: 'an unknown key in a list',
    config: 'taffrail:networks: [{name: shop_default}, {name: crm_default, alais: metrics}]',
    mistakes: [
      {
        path: 'networks[1].alais',
        given: 'a setting that does not exist: alais',
        wanted: 'perhaps networks[1].alias',
        type: "pulumi config set --path 'taffrail:networks[1].alias' \"$(pulumi config get --path 'taffrail:networks[1].alais')\" && pulumi config rm --path 'taffrail:networks[1].alais'",
      },
    ],
  },
  {
    name: 'a program that joins a network twice',
    config: 'taffrail:networks: [{name: shop_default}, {name: shop_default, alias: metrics}]',
    mistakes: [
      {
        path: 'networks[1].attach',
        given: 'prometheus, which joins shop_default already',
        wanted: 'each program once on a network',
        type: "pulumi config rm --path 'taffrail:networks[1]'",
      },
    ],
  },
  {
    name: 'one alias for two programs',
    config: 'taffrail:networks: [{name: shop_default, alias: metrics, attach: [prometheus, grafana]}]',
    mistakes: [
      {
        path: 'networks[0].alias',
        given: 'metrics, for prometheus and grafana',
        wanted:
          'an alias where one program joins, for several would answer by one name; list the network once for each alias',
        type: "pulumi config rm --path 'taffrail:networks[0].alias'",
      },
    ],
  },
  {
    name: 'one alias twice on a network',
    config: `
taffrail:networks:
  - {name: shop_default, alias: metrics}
  - {name: shop_default, alias: metrics, attach: [grafana]}`,
    mistakes: [
      {
        path: 'networks[1].alias',
        given: 'metrics, which is taken on shop_default',
        wanted: 'another alias: two programs would answer by one name',
        type: "pulumi config set --path 'taffrail:networks[1].alias' metrics-grafana",
      },
    ],
  },
  {
    name: 'an alias that no name server takes',
    config: 'taffrail:networks: [{name: shop_default, alias: My Metrics}]',
    mistakes: [
      {
        path: 'networks[0].alias',
        given: '"My Metrics"',
        wanted: 'a name of small letters, digits, - and _ that starts with a letter',
        type: "pulumi config set --path 'taffrail:networks[0].alias' taffrail",
      },
    ],
  },
  {
    name: 'two mistakes at once',
    config: `
taffrail:loki: {retention: 30 days}
taffrail:grafana: {port: "3000"}`,
    mistakes: [
      {
        path: 'loki.retention',
        given: '"30 days"',
        wanted: 'a time like 15s, 5m, 48h or 30d',
        type: 'pulumi config set --path taffrail:loki.retention 30d',
      },
      {
        path: 'grafana.port',
        given: '"3000"',
        wanted: 'a port number from 1 to 65535, not in quotes',
        type: 'pulumi config rm --path taffrail:grafana.port && pulumi config set --path taffrail:grafana.port 3000',
      },
    ],
  },
  {
    name: 'mistakes of every kind at once',
    config: `
taffrail:loki: {retention: 30 days, retension: 4}
taffrail:prommetheus: {}
taffrail:grafana: {adminPassword: grafanaAdminPassword}
taffrail:cloudbeaver: {adminName: admin, address: 0.0.0.0}
taffrail:networks: [{name: a, alias: x, attach: [prometheus, grafana]}]
taffrail:apps: {bot: {image: bot:1, needs: [redis]}}`,
    mistakes: [
      {
        path: 'loki.retension',
        given: 'a setting that does not exist: retension',
        wanted: 'loki.retention, which is set too',
        type: 'pulumi config rm --path taffrail:loki.retension',
      },
      {
        path: 'loki.retention',
        given: '"30 days"',
        wanted: 'a time like 15s, 5m, 48h or 30d',
        type: 'pulumi config set --path taffrail:loki.retention 30d',
      },
      {
        path: 'grafanaAdminPassword',
        given: 'nothing',
        wanted: 'a secret, because grafana.adminPassword names it',
        type: 'pulumi config set --secret taffrail:grafanaAdminPassword',
      },
      {
        path: 'prommetheus',
        given: 'a setting that does not exist: prommetheus',
        wanted: 'perhaps prometheus',
        type: 'sed -i.bak s/taffrail:prommetheus:/taffrail:prometheus:/ Pulumi.prod.yaml',
      },
      {
        path: 'networks[0].alias',
        given: 'x, for prometheus and grafana',
        wanted:
          'an alias where one program joins, for several would answer by one name; list the network once for each alias',
        type: "pulumi config rm --path 'taffrail:networks[0].alias'",
      },
      {
        path: 'cloudbeaver.adminName',
        given: 'admin',
        wanted: 'another name: CloudBeaver has a team of that name',
        type: 'pulumi config set --path taffrail:cloudbeaver.adminName cbadmin',
      },
      {
        path: 'apps.bot.needs',
        given: 'redis',
        wanted: 'something that runs; redis is switched off',
        type: 'pulumi config set --path taffrail:redis.enabled true',
      },
    ],
  },
  {
    name: 'a wrong port is not compared',
    config: `
taffrail:grafana: {port: "3001"}
taffrail:cloudbeaver: {port: 3000}`,
    mistakes: [
      {
        path: 'grafana.port',
        given: '"3001"',
        wanted: 'a port number from 1 to 65535, not in quotes',
        type: 'pulumi config rm --path taffrail:grafana.port && pulumi config set --path taffrail:grafana.port 3001',
      },
    ],
  },
];

describeBad('C.18 settings of the stack as a whole', rows);
