import {describe, expect, test} from '@jest/globals';
import {parseConfig} from '../../src/config/load-config.js';
import {Failure, type Problem} from '../../src/kernel/errors.js';

/** The smallest file that is well; every row below breaks one thing of it or adds one wrong thing. */
const well = `version: 1
product: shop
frontend:
  project: prj_shop
  url: https://shop.example
backend:
  service: api
  url: https://api.shop.example
`;
const backup = `backup:
  storage: {type: s3, bucket: b}
  recipients: [keys/a.asc]
`;
const channels = `alerts:
  channels:
    oncall: {type: slack, url-env: SLACK_URL}
`;
const check = (body: string) => `${well}checks:\n  - {name: health, ${body}}\n`;

/** What the one problem must name: where it is, the key, the value or reason, and the remedy. */
interface Row {
  readonly wrong: string;
  readonly text: string;
  readonly at: string;
  readonly key: string;
  readonly says: RegExp;
  readonly remedy: RegExp;
}

const row = (wrong: string, text: string, at: string, key: string, says: RegExp, remedy: RegExp): Row => ({
  wrong,
  text,
  at,
  key,
  says,
  remedy,
});

const tried = (line: string) => `${well}database:\n  trial:\n    ${line}\n`;

const rows: readonly Row[] = [
  // Trying migrations on a copy
  row('a shell line to run', tried('smoke: npm test'), '11:5', 'database.trial.smoke', /\[node, smoke\.mjs\]/, /./),
  row('a mix of both forms', tried('apply: [[npm, ci], node]'), '11:5', 'database.trial.apply', /a list of such/, /./),
  row('a copy of something else', tried('source: sets'), '11:5', 'database.trial.source', /"sets"/, /set, database/),
  row('a limit without a unit', tried('timeout: 30'), '11:5', 'database.trial.timeout', /30 .*type/, /./),
  // The file itself
  row('no version', well.replace('version: 1\n', ''), '1:1', 'version', /missing/, /Add it/),
  row('a version of the future', well.replace('version: 1', 'version: 2'), '1:1', 'version', /2 /, /Choose 1/),
  row('a version as text', well.replace('version: 1', "version: '1'"), '1:1', 'version', /"1"/, /Choose 1/),
  row('no product', well.replace('product: shop\n', ''), '1:1', 'product', /missing/, /Add it/),
  row('a product with capitals', well.replace('shop\n', 'Shop\n'), '2:1', 'product', /"Shop".*lower-case/, /./),
  row(
    'a product that is a number',
    well.replace('product: shop', 'product: 7'),
    '2:1',
    'product',
    /7 .*type/,
    /Write text/,
  ),
  row('a list instead of keys', '- version\n', '1:1', '(whole file)', /type/, /nested keys/),
  row('an empty file', '', '1:1', '(whole file)', /empty|missing/, /./),
  row('no component', 'version: 1\nproduct: shop\n', '1:1', '(whole file)', /no component/, /Add `frontend`/),
  row('an unknown key', `${well}deploy: true\n`, '9:1', 'deploy', /not a known key/, /./),
  row('a misspelt section', `${well}gates: {}\n`, '9:1', 'gates', /not a known key/, /Did you mean `gate`/),
  row('an environment with a blank', `${well}environment: my prod\n`, '9:1', 'environment', /"my prod"/, /./),
  // Frontend
  row('no Vercel project', well.replace('  project: prj_shop\n', ''), '3:1', 'frontend.project', /missing/, /Add it/),
  row('an empty Vercel project', well.replace('prj_shop', "''"), '4:3', 'frontend.project', /""/, /./),
  row(
    'no address of the frontend',
    well.replace('  url: https://shop.example\n', ''),
    '3:1',
    'frontend.url',
    /missing/,
    /./,
  ),
  row(
    'an address without scheme',
    well.replace('https://shop', 'shop'),
    '5:3',
    'frontend.url',
    /"shop.example".*not an http/,
    /./,
  ),
  row(
    'an address with credentials',
    well.replace('https://shop', 'https://u:hunter2@shop'),
    '5:3',
    'frontend.url',
    /credentials/,
    /./,
  ),
  row(
    'another platform',
    `${well.replace('frontend:\n', 'frontend:\n  platform: netlify\n')}`,
    '4:3',
    'frontend.platform',
    /"netlify"/,
    /Choose vercel/,
  ),
  row(
    'a path out of the repository',
    well.replace('  url: https://shop', '  path: ../other\n  url: https://shop'),
    '5:3',
    'frontend.path',
    /"..\/other".*inside/,
    /./,
  ),
  row(
    'an absolute path',
    well.replace('  url: https://shop', '  path: /srv\n  url: https://shop'),
    '5:3',
    'frontend.path',
    /"\/srv".*inside/,
    /./,
  ),
  row(
    'prebuilt as a word',
    well.replace('  url: https://shop', '  prebuilt: yes\n  url: https://shop'),
    '5:3',
    'frontend.prebuilt',
    /"yes"/,
    /true or false/,
  ),
  row(
    'hosts that are no list',
    well.replace('  url: https://shop', '  hosts: a.example\n  url: https://shop'),
    '5:3',
    'frontend.hosts',
    /"a.example"/,
    /a list/,
  ),
  row(
    'a misspelt key of the frontend',
    well.replace('  project:', '  projekt: x\n  project:'),
    '4:3',
    'frontend.projekt',
    /not a known/,
    /`project`/,
  ),
  row(
    'a wait without unit',
    well.replace('  url: https://shop', '  deploy-timeout: 20\n  url: https://shop'),
    '5:3',
    'frontend.deploy-timeout',
    /20 /,
    /./,
  ),
  row(
    'a wait in words',
    well.replace('  url: https://shop', '  deploy-timeout: soon\n  url: https://shop'),
    '5:3',
    'frontend.deploy-timeout',
    /"soon".*not a duration/,
    /10s/,
  ),
  row(
    'a variable name with a dash',
    well.replace('  url: https://shop', '  required-variables: [MY-VAR]\n  url: https://shop'),
    '5:24',
    'frontend.required-variables[0]',
    /"MY-VAR"/,
    /./,
  ),
  // Backend
  row('no service', well.replace('  service: api\n', ''), '6:1', 'backend.service', /missing/, /./),
  row(
    'a source we do not know',
    well.replace('  service: api', '  source: zip\n  service: api'),
    '7:3',
    'backend.source',
    /"zip"/,
    /commit, image, upload/,
  ),
  row(
    'a source nearly right',
    well.replace('  service: api', '  source: comit\n  service: api'),
    '7:3',
    'backend.source',
    /"comit"/,
    /Did you mean commit/,
  ),
  row(
    'source image without image',
    well.replace('  service: api', '  source: image\n  service: api'),
    '7:3',
    'backend.source',
    /no image is named/,
    /backend\.image/,
  ),
  row(
    'an image without source image',
    well.replace('  service: api', '  image: a\n  service: api'),
    '7:3',
    'backend.image',
    /source is not image/,
    /backend\.source/,
  ),
  row(
    'auto-deploy as a flag',
    well.replace('  service: api', '  auto-deploy: true\n  service: api'),
    '7:3',
    'backend.auto-deploy',
    /true/,
    /refuse, warn, allow/,
  ),
  row(
    'a service that is a list',
    well.replace('service: api', 'service: [api]'),
    '7:3',
    'backend.service',
    /\["api"\]/,
    /text/,
  ),
  // Database
  row(
    'a database address instead of its variable',
    `${well}database: {url-env: 'postgres://u:hunter2@h/d'}\n`,
    '9:12',
    'database.url-env',
    /not the name of an environment variable/,
    /./,
  ),
  row(
    'tables that are no list',
    `${well}database: {expected-tables: users}\n`,
    '9:12',
    'database.expected-tables',
    /"users"/,
    /a list/,
  ),
  // Checks
  row('a check without name', `${well}checks:\n  - {path: /}\n`, '10:5', 'checks[0].name', /missing/, /./),
  row(
    'two checks of one name',
    `${well}checks:\n  - {name: a}\n  - {name: a}\n`,
    '11:6',
    'checks[1].name',
    /"a".*already/,
    /own name/,
  ),
  row('a name with a slash', `${well}checks:\n  - {name: a/b}\n`, '10:6', 'checks[0].name', /"a\/b"/, /./),
  row('a kind we do not know', check('kind: ping'), '10:20', 'checks[0].kind', /"ping"/, /http, tls/),
  row('a target we do not know', check('target: cache'), '10:20', 'checks[0].target', /"cache"/, /frontend, backend/),
  row(
    'a target that is not described',
    `${well.split('backend:')[0]}checks:\n  - {name: a, target: backend}\n`,
    '7:15',
    'checks[0].target',
    /backend, which this file does not describe/,
    /`backend`/,
  ),
  row('a path without slash', check('path: health'), '10:20', 'checks[0].path', /"health".*slash/, /./),
  row('a method in small letters', check('method: get'), '10:20', 'checks[0].method', /"get"/, /GET/),
  row('a status that is none', check('expect: {status: 99}'), '10:29', 'checks[0].expect.status', /99/, /./),
  row('a misspelt expectation', check('expect: {txt: ok}'), '10:29', 'checks[0].expect.txt', /not a known/, /`text`/),
  row(
    'a rule without path',
    check('expect: {json: [{equals: ok}]}'),
    '10:36',
    'checks[0].expect.json[0].path',
    /missing/,
    /./,
  ),
  row('a port beyond all', check('kind: tcp, port: 70000'), '10:31', 'checks[0].port', /70000/, /./),
  row('tcp without port', check('kind: tcp'), '10:5', 'checks[0]', /tcp and lacks `port`/, /Add `port`/),
  row('cors without origin', check('kind: cors'), '10:5', 'checks[0]', /lacks `origin`/, /Add `origin`/),
  row('a sequence without steps', check('kind: sequence'), '10:5', 'checks[0]', /lacks `steps`/, /Add `steps`/),
  row(
    'authentication with the secret itself',
    check("auth: {kind: bearer, env: 'sk live hunter2'}"),
    '10:41',
    'checks[0].auth.env',
    /not the name of an environment variable/,
    /./,
  ),
  row(
    'authentication of an unknown kind',
    check('auth: {kind: digest, env: TOKEN}'),
    '10:27',
    'checks[0].auth.kind',
    /"digest"/,
    /bearer, basic, header/,
  ),
  row(
    'a severity we do not know',
    check('severity: warn'),
    '10:20',
    'checks[0].severity',
    /"warn"/,
    /critical, advisory/,
  ),
  row('a weight of nothing', check('weight: 0'), '10:20', 'checks[0].weight', /0 /, /./),
  row(
    'a stage we do not know',
    check('stages: [canary]'),
    '10:29',
    'checks[0].stages[0]',
    /"canary"/,
    /candidate, live/,
  ),
  // Gate
  row(
    'a share without percent sign',
    `${well}gate: {max-error-rate: '0.01'}\n`,
    '9:8',
    'gate.max-error-rate',
    /"0.01".*percentage/,
    /1%/,
  ),
  row('a share as a number', `${well}gate: {max-error-rate: 1}\n`, '9:8', 'gate.max-error-rate', /1 /, /./),
  row(
    'more than everything',
    `${well}gate: {confidence: 120%}\n`,
    '9:8',
    'gate.confidence',
    /"120%".*more than 100%/,
    /./,
  ),
  row(
    'rates the wrong way round',
    `${well}gate: {max-error-rate: 5%, unhealthy-error-rate: 2%}\n`,
    '9:28',
    'gate.unhealthy-error-rate',
    /2%.*not above.*5%/,
    /gap/,
  ),
  row(
    'durations the wrong way round',
    `${well}gate: {min-duration: 5m, max-duration: 1m}\n`,
    '9:8',
    'gate.min-duration',
    /longer than/,
    /max-duration/,
  ),
  row(
    'a quantile we do not know',
    `${well}gate: {latency-quantile: p97}\n`,
    '9:8',
    'gate.latency-quantile',
    /"p97"/,
    /p95/,
  ),
  row('no probes at all', `${well}gate: {min-probes: 0}\n`, '9:8', 'gate.min-probes', /0 /, /./),
  row('half a probe', `${well}gate: {min-probes: 2.5}\n`, '9:8', 'gate.min-probes', /2.5/, /whole number/),
  // Backup
  row('backups without store', `${well}backup: {recipients: [a.asc]}\n`, '9:1', 'backup.storage', /missing/, /./),
  row(
    'backups for nobody',
    `${well}backup: {storage: {bucket: b}, recipients: []}\n`,
    '9:32',
    'backup.recipients',
    /\[\] has too few/,
    /./,
  ),
  row(
    's3 without bucket',
    `${well}backup: {storage: {type: s3}, recipients: [a]}\n`,
    '9:10',
    'backup.storage',
    /lacks `bucket`/,
    /backup\.storage\.bucket/,
  ),
  row(
    'local without folder',
    `${well}backup: {storage: {type: local}, recipients: [a]}\n`,
    '9:10',
    'backup.storage',
    /lacks `folder`/,
    /folder/,
  ),
  row(
    'a lock for a folder',
    `${well}backup: {storage: {type: local, folder: b, lock: 14d}, recipients: [a]}\n`,
    '9:44',
    'backup.storage.lock',
    /only S3/,
    /Remove it/,
  ),
  row(
    'a key for an encryption without one',
    `${well}backup: {storage: {bucket: b, encryption: AES256, kms-key: k}, recipients: [a]}\n`,
    '9:51',
    'backup.storage.kms-key',
    /not aws:kms/,
    /aws:kms/,
  ),
  row(
    'a store we do not know',
    `${well}backup: {storage: {type: ftp}, recipients: [a]}\n`,
    '9:20',
    'backup.storage.type',
    /"ftp"/,
    /s3, local, rclone/,
  ),
  row(
    'a second store without bucket',
    `${well}${backup}  also: {type: s3}\n`,
    '12:3',
    'backup.also',
    /lacks `bucket`/,
    /backup\.also\.bucket/,
  ),
  row(
    'a second store that is the first',
    `${well}${backup}  also: {type: s3, bucket: b, region: eu-central-1, prefix: /switchback/}\n`,
    '12:3',
    'backup.also',
    /the very place/,
    /another provider/,
  ),
  row(
    'a second store with a lock for a folder',
    `${well}${backup}  also: {type: local, folder: b, lock: 14d}\n`,
    '12:34',
    'backup.also.lock',
    /only S3/,
    /Remove it/,
  ),
  row(
    'a part size without unit',
    `${well}${backup}  part-size: big\n`,
    '12:3',
    'backup.part-size',
    /"big".*not a size/,
    /16MiB/,
  ),
  row(
    'never a verified set',
    `${well}${backup}  retention: {min-verified: 0}\n`,
    '12:15',
    'backup.retention.min-verified',
    /0 /,
    /./,
  ),
  row(
    'a prefix with a blank',
    `${well}backup: {storage: {bucket: b, prefix: 'a b'}, recipients: [a]}\n`,
    '9:31',
    'backup.storage.prefix',
    /"a b"/,
    /./,
  ),
  // Release, ledger, objectives, maintenance
  row(
    'an order we do not know',
    `${well}release: {promote-order: both}\n`,
    '9:11',
    'release.promote-order',
    /"both"/,
    /backend-first/,
  ),
  row(
    'a missing anchor of nothing',
    `${well}release: {allow-missing-anchor: [db]}\n`,
    '9:34',
    'release.allow-missing-anchor[0]',
    /"db"/,
    /frontend, backend/,
  ),
  row('a ledger we do not know', `${well}ledger: {store: redis}\n`, '9:10', 'ledger.store', /"redis"/, /github, file/),
  row(
    'an objective without unit',
    `${well}objectives: {rto: '5'}\n`,
    '9:14',
    'objectives.rto',
    /"5".*not a duration/,
    /2m/,
  ),
  row(
    'an open path without slash',
    `${well}maintenance: {open-paths: [health]}\n`,
    '9:28',
    'maintenance.open-paths[0]',
    /"health"/,
    /./,
  ),
  // Monitor and alerts
  row(
    'a channel of an unknown type',
    `${well}${channels}    desk: {type: fax}\n`,
    '12:12',
    'alerts.channels.desk.type',
    /"fax"|type/,
    /./,
  ),
  row(
    'a route to nowhere',
    `${well}${channels}  routes: [{channel: night}]\n`,
    '12:13',
    'alerts.routes[0].channel',
    /night, which is no channel/,
    /oncall/,
  ),
  row(
    'an objective of everything',
    `${well}monitor: {objective: 100%}\n`,
    '9:11',
    'monitor.objective',
    /no error budget/,
    /99.9%/,
  ),
];

/** The YAML itself, in which no key can be named. */
const broken: ReadonlyArray<readonly [wrong: string, text: string, at: string]> = [
  ['a key twice', `${well}product: other\n`, '9:1'],
  ['a bracket that stays open', `${well}checks: [\n`, '10:1'],
  ['a tab as indentation', 'version: 1\nfrontend:\n\tproject: a\n', '3:1'],
  ['an anchor that is not there', `${well}environment: *gone\n`, '9:14'],
];

describe('wrong configuration', () => {
  test('there are at least 60 rows, each its own', () => {
    expect(rows.length + broken.length).toBeGreaterThanOrEqual(60);
    expect(new Set(rows.map(({text}) => text)).size).toBe(rows.length);
  });

  test('what they start from is well', () => expect(() => parseConfig(well + backup, 'a.yml')).not.toThrow());

  test.each(rows.map((one) => [one.wrong, one] as const))('%s', (_wrong, {text, at, key, says, remedy}) => {
    const problems = refusedBy(text);
    const found = problems.find(({where}) => where === `a.yml:${at} \`${key}\``);
    expect({problems, found: found !== undefined}).toMatchObject({found: true});
    expect(found!.what).toMatch(says);
    expect(found!.remedy).toMatch(remedy);
    // The remedy says what to do: never a bare "invalid", never the library's own words.
    expect(found!.remedy).toMatch(/^[A-Z].{8,}/);
    expect(`${found!.what} ${found!.remedy}`).not.toMatch(/Invalid input|Too (big|small)|expected \w+, received/);
  });

  test.each(broken)('YAML: %s', (_wrong, text, at) => {
    const [problem] = refusedBy(text);
    expect(problem!.where).toBe(`a.yml:${at}`);
    expect(problem!.remedy).toMatch(/YAML/);
  });

  test('a password in a wrong place is not quoted', () => {
    for (const {text} of rows.filter((one) => one.text.includes('hunter2'))) {
      expect(JSON.stringify(refusedBy(text))).not.toContain('hunter2');
    }
  });

  test('all problems are told at once', () =>
    expect(refusedBy('version: 2\nproduct: Shop\nfrontend: {}\n').length).toBeGreaterThanOrEqual(4));
});

function refusedBy(text: string): readonly Problem[] {
  try {
    parseConfig(text, 'a.yml');
  } catch (error) {
    if (error instanceof Failure && error.code === 'CONFIG') return error.details['problems'] as readonly Problem[];
    throw error;
  }
  throw new Error('it was accepted');
}
