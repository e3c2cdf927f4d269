import { type BadSetting, describeBad } from './badSettings.ts';

// What is wrong in Prometheus and the exporters, and what a person is told.
const rows: BadSetting[] = [
  {
    name: 'a time where a size belongs',
    config: 'taffrail:prometheus: {retentionSize: 30d}',
    mistakes: [
      {
        path: 'prometheus.retentionSize',
        given: '"30d"',
        wanted: 'a size like 256MiB, 10GiB or 1GB',
        type: 'pulumi config set --path taffrail:prometheus.retentionSize 10GB',
      },
    ],
  },
  {
    name: 'a misspelt key deep in a list',
    config: 'taffrail:prometheus: {scrapeJobs: [{name: shop, targets: ["shop:8080"], intervall: 30s}]}',
    mistakes: [
      {
        path: 'prometheus.scrapeJobs[0].intervall',
        given: 'a setting that does not exist: intervall',
        wanted: 'perhaps prometheus.scrapeJobs[0].interval',
        type: "pulumi config set --path 'taffrail:prometheus.scrapeJobs[0].interval' \"$(pulumi config get --path 'taffrail:prometheus.scrapeJobs[0].intervall')\" && pulumi config rm --path 'taffrail:prometheus.scrapeJobs[0].intervall'",
      },
    ],
  },
  {
    name: 'a job without targets',
    config: 'taffrail:prometheus: {scrapeJobs: [{name: shop}]}',
    mistakes: [
      {
        path: 'prometheus.scrapeJobs[0].targets',
        given: 'nothing',
        wanted: 'a list of host:port',
        type: "pulumi config set --path 'taffrail:prometheus.scrapeJobs[0].targets[0]' bot:8080",
      },
    ],
  },
  {
    name: 'a target without a port',
    config: 'taffrail:prometheus: {scrapeJobs: [{name: shop, targets: [shop]}]}',
    mistakes: [
      {
        path: 'prometheus.scrapeJobs[0].targets[0]',
        given: '"shop"',
        wanted: 'a list of host:port',
        type: "pulumi config set --path 'taffrail:prometheus.scrapeJobs[0].targets[0]' bot:8080",
      },
    ],
  },
  {
    name: 'a target with a protocol',
    config: 'taffrail:prometheus: {scrapeJobs: [{name: shop, targets: ["http://shop:8080/metrics"]}]}',
    mistakes: [
      {
        path: 'prometheus.scrapeJobs[0].targets[0]',
        given: '"http://shop:8080/metrics"',
        wanted: 'a list of host:port',
        type: "pulumi config set --path 'taffrail:prometheus.scrapeJobs[0].targets[0]' bot:8080",
      },
    ],
  },
  {
    name: 'a path without a slash',
    config: 'taffrail:prometheus: {scrapeJobs: [{name: shop, targets: ["shop:8080"], path: metrics}]}',
    mistakes: [
      {
        path: 'prometheus.scrapeJobs[0].path',
        given: '"metrics"',
        wanted: 'a path that starts with /',
        type: "pulumi config set --path 'taffrail:prometheus.scrapeJobs[0].path' /metrics",
      },
    ],
  },
  {
    name: 'a job with the name of one of ours',
    config: 'taffrail:prometheus: {scrapeJobs: [{name: node, targets: ["shop:8080"]}]}',
    mistakes: [
      {
        path: 'prometheus.scrapeJobs[0].name',
        given: 'node',
        wanted: 'a name that no other scrape job has',
        type: "pulumi config set --path 'taffrail:prometheus.scrapeJobs[0].name' node-2",
      },
    ],
  },
  {
    name: 'two jobs of one name',
    config: `
taffrail:prometheus:
  scrapeJobs:
    - {name: shop, targets: ["shop:8080"]}
    - {name: shop, targets: ["shop:8081"]}`,
    mistakes: [
      {
        path: 'prometheus.scrapeJobs[1].name',
        given: 'shop',
        wanted: 'a name that no other scrape job has',
        type: "pulumi config set --path 'taffrail:prometheus.scrapeJobs[1].name' shop-2",
      },
    ],
  },
  {
    name: 'a job with the name of an app',
    config: `
taffrail:apps: {bot: {image: bot:1}}
taffrail:prometheus: {scrapeJobs: [{name: bot, targets: ["bot:8080"]}]}`,
    mistakes: [
      {
        path: 'prometheus.scrapeJobs[0].name',
        given: 'bot',
        wanted: 'a name that no other scrape job has',
        type: "pulumi config set --path 'taffrail:prometheus.scrapeJobs[0].name' bot-2",
      },
    ],
  },
  {
    name: 'a user name without a password',
    config: 'taffrail:prometheus: {scrapeJobs: [{name: shop, targets: ["shop:8080"], username: metrics}]}',
    mistakes: [
      {
        path: 'prometheus.scrapeJobs[0].password',
        given: 'nothing',
        wanted: 'both username and password, or neither',
        type: "pulumi config set --plaintext --path 'taffrail:prometheus.scrapeJobs[0].password' shopPassword && pulumi config set --secret taffrail:shopPassword",
      },
    ],
  },
  {
    name: 'Prometheus published to everybody',
    config: 'taffrail:prometheus: {publish: {address: 203.0.113.7}}',
    mistakes: [
      {
        path: 'prometheus.publish.address',
        given: '203.0.113.7',
        wanted: 'a loopback or VPN address: prometheus is not for everybody',
        type: 'pulumi config set --path taffrail:prometheus.publish.address 127.0.0.1',
      },
    ],
  },
  {
    name: 'a probe of something that is not HTTP',
    config: 'taffrail:blackboxExporter: {probes: [{name: shop, url: "ftp://shop.example.com"}]}',
    mistakes: [
      {
        path: 'blackboxExporter.probes[0].url',
        given: '"ftp://shop.example.com"',
        wanted: 'an address that starts with http:// or https://',
        type: "pulumi config set --path 'taffrail:blackboxExporter.probes[0].url' https://example.com/health",
      },
    ],
  },
  {
    name: 'two probes of one name',
    config: `
taffrail:blackboxExporter:
  probes:
    - {name: shop, url: "https://shop.example.com"}
    - {name: shop, url: "https://www.shop.example.com"}`,
    mistakes: [
      {
        path: 'blackboxExporter.probes[1].name',
        given: 'shop',
        wanted: 'a name that no other probe has',
        type: "pulumi config set --path 'taffrail:blackboxExporter.probes[1].name' shop-2",
      },
    ],
  },
  {
    name: 'a status that HTTP has not',
    config:
      'taffrail:blackboxExporter: {probes: [{name: shop, url: "https://shop.example.com", status: [20]}]}',
    mistakes: [
      {
        path: 'blackboxExporter.probes[0].status[0]',
        given: '20',
        wanted: 'a list of HTTP status codes',
        type: "pulumi config set --path 'taffrail:blackboxExporter.probes[0].status[0]' 200",
      },
    ],
  },
  {
    name: 'a time that is too exact',
    config: 'taffrail:cadvisor: {housekeeping: 1500ms}',
    mistakes: [
      {
        path: 'cadvisor.housekeeping',
        given: '"1500ms"',
        wanted: 'a time like 15s, 5m, 48h or 30d',
        type: 'pulumi config set --path taffrail:cadvisor.housekeeping 15s',
      },
    ],
  },
  {
    name: 'a text where a list of keys belongs',
    config: 'taffrail:redisExporter: {keys: queue}',
    mistakes: [
      {
        path: 'redisExporter.keys',
        given: 'a text',
        wanted: 'a list of names of keys',
        type: "pulumi config rm --path taffrail:redisExporter.keys && pulumi config set --path 'taffrail:redisExporter.keys[0]' queue",
      },
    ],
  },
  {
    name: 'a status as text, in a list',
    config:
      'taffrail:blackboxExporter: {probes: [{name: shop, url: "https://shop.example.com", status: ["200", 204]}]}',
    mistakes: [
      {
        path: 'blackboxExporter.probes[0].status[0]',
        given: '"200"',
        wanted: 'a list of HTTP status codes',
        type: "pulumi config rm --path 'taffrail:blackboxExporter.probes[0].status' && pulumi config set --path 'taffrail:blackboxExporter.probes[0].status[0]' 200 && pulumi config set --path 'taffrail:blackboxExporter.probes[0].status[1]' 204",
      },
    ],
  },
];

describeBad('3.18 Prometheus and the exporters', rows);
