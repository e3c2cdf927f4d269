import { type BadSetting, describeBad } from './badSettings.ts';

// What is wrong in settings of the stack as a whole, and what a person is told.
const rows: BadSetting[] = [
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
          'at least 2112MiB, or lower limits: loki 512MiB, prometheus 512MiB, grafana 512MiB, promtail 128MiB, nodeExporter 64MiB, cadvisor 256MiB, blackboxExporter 64MiB, socketProxy 64MiB',
        type: 'pulumi config set --path taffrail:memory 2112MiB',
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

describeBad('3.18 settings of the stack as a whole, second part', rows);
