import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {Webhook} from 'standardwebhooks';
import {run as monitor} from '../../actions/monitor/run.js';
import {spec as monitorSpec} from '../../actions/monitor/spec.js';
import {run as notify} from '../../actions/notify/run.js';
import {spec as notifySpec} from '../../actions/notify/spec.js';
import {type GitHubStandIn, startGitHub} from '../../src/rehearsal/github/stand-in.js';
import {type StandIn, sendJson, startStandIn} from '../../src/rehearsal/stand-in.js';
import {type HookReceiver, startHookReceiver} from '../../src/rehearsal/webhooks/receiver.js';
import {parseInputs} from '../../src/runner/inputs.js';
import type {Annotation, Run} from '../../src/runner/run-action.js';

const secret = `whsec_${Buffer.from('a key of the receiver').toString('base64')}`;
let folder: string;
let product: StandIn;
let hooks: HookReceiver;
let github: GitHubStandIn;
let status: number;
let annotations: Annotation[];
let masked: string[];

beforeEach(async () => {
  status = 200;
  annotations = [];
  masked = [];
  folder = await mkdtemp(join(tmpdir(), 'monitor-action-'));
  product = await startStandIn(({response}) => sendJson(response, status, {}));
  hooks = await startHookReceiver();
  github = await startGitHub({
    owner: 'acme',
    repo: 'shop',
    tokens: [{token: given['github-token'], permissions: {issues: 'write'}}],
  });
  await writeFile(join(folder, 'switchback.yml'), config());
});

afterEach(async () => {
  await Promise.all([product.close(), hooks.close(), github.close()]);
  await rm(folder, {recursive: true, force: true});
});

function config(): string {
  return `version: 1
product: shop
backend: {service: api, url: "${product.url}"}
ledger: {store: file}
checks:
  - {name: checkout, path: /checkout}
  - {name: search, path: /search}
monitor:
  confirm-every: 1ms
  history: {type: folder}
alerts:
  channels:
    oncall: {type: slack, url-env: SLACK_URL}
    hook: {type: webhook, url-env: HOOK_URL, secret-env: HOOK_SECRET}
    issues: {type: github-issue}
`;
}

function runner(env: Record<string, string> = {}): Run {
  return {
    signal: new AbortController().signal,
    env: {
      GITHUB_WORKSPACE: folder,
      GITHUB_REPOSITORY: 'acme/shop',
      GITHUB_API_URL: github.url,
      SLACK_URL: `${hooks.url}/slack/services/T0/B0/secret`,
      HOOK_URL: `${hooks.url}/hook`,
      HOOK_SECRET: secret,
      ...env,
    },
    log: () => {},
    debug: () => {},
    annotate: (annotation) => void annotations.push(annotation),
    group: (_title, work) => work(),
    mask: (value) => void masked.push(value),
    maskFound: () => {},
    saveState: () => {},
    state: () => '',
    isPost: false,
  };
}

const given = {config: 'switchback.yml', 'github-token': 'ghs_0123456789'};
const watch = (inputs: Record<string, string> = {}, env: Record<string, string> = {}) =>
  monitor(
    parseInputs(monitorSpec, (name) => (({...given, ...inputs}) as Record<string, string>)[name]).inputs,
    runner(env),
  );
const say = (inputs: Record<string, string>) =>
  notify(parseInputs(notifySpec, (name) => (({...given, ...inputs}) as Record<string, string>)[name]).inputs, runner());

const at = (path: string) => hooks.received.filter((hook) => hook.path.startsWith(path));
const titles = (path: string) => at(path).map((hook) => /(Alert|Recovered): [^"(]+/.exec(hook.body)?.[0].trim());

test('an outage is one alert and one recovery on every channel, over runs that know only the history', async () => {
  const quiet = await watch();
  expect(quiet.outputs).toMatchObject({state: 'up', rounds: 1, alerts: 0, down: ''});
  status = 503;
  for (let i = 0; i < 5; i++) await watch();
  const down = await watch();
  expect(down.outputs).toMatchObject({state: 'down', down: 'checkout,search', incidents: 1, alerts: 0});
  expect(titles('/slack')).toEqual(['Alert: checkout, search are down']);
  expect(at('/hook').map(({body}) => (JSON.parse(body) as {data: {title: string}}).data.title)).toEqual([
    'checkout, search are down',
  ]);
  expect(github.issues().map(({state}) => state)).toEqual(['open']);
  status = 200;
  for (let i = 0; i < 4; i++) await watch();
  const up = await watch();
  expect(up.outputs).toMatchObject({state: 'up', incidents: 0});
  expect(titles('/slack')).toEqual([
    'Alert: checkout, search are down',
    expect.stringMatching(/^Recovered: checkout, search are up again/),
  ]);
  expect(at('/hook')).toHaveLength(2);
  expect(github.issues().map(({state, comments}) => [state, comments.length])).toEqual([['closed', 1]]);
}, 60_000);

test('the signature of a webhook is accepted by a library that nobody here wrote, and a changed body is not', async () => {
  await say({title: 'the till is open', channels: 'hook'});
  const [hook] = at('/hook');
  const library = new Webhook(secret);
  expect(library.verify(hook!.body, hook!.headers as Record<string, string>)).toMatchObject({type: 'switchback.alert'});
  expect(() => library.verify(hook!.body.replace('open', 'shut'), hook!.headers as Record<string, string>)).toThrow();
});

test('a test goes to every channel and leaves no open issue', async () => {
  const report = await say({mode: 'test'});
  expect(report.outputs).toMatchObject({failed: ''});
  expect((report.outputs.sent as string).split(',').sort()).toEqual(['hook', 'issues', 'oncall']);
  expect(github.issues().map(({state}) => state)).toEqual(['closed']);
});

test('a broken channel is told of on another one, in words without its address', async () => {
  hooks.faults.push({
    route: 'POST /slack*',
    fault: {kind: 'status', status: 410, body: 'channel_is_archived'},
    times: 99,
  });
  const report = await say({title: 'a message', channels: 'oncall,hook'});
  expect(report.outputs).toMatchObject({sent: 'hook', failed: 'oncall'});
  expect(report.failure?.message).toContain('oncall');
  expect(report.failure?.message).not.toContain('secret');
  const told = at('/hook').map(({body}) => (JSON.parse(body) as {type: string}).type);
  expect(told.sort()).toEqual(['switchback.alert', 'switchback.broken-channel']);
  expect(
    at('/hook')
      .map(({body}) => body)
      .join(),
  ).not.toContain('/services/T0');
});

test('a channel that is down for a moment is asked again and told once', async () => {
  hooks.faults.push({route: 'POST /hook', fault: {kind: 'status', status: 503}, times: 1});
  const report = await say({title: 'a message', channels: 'hook'});
  expect(report.outputs).toMatchObject({sent: 'hook', failed: ''});
  expect(at('/hook')).toHaveLength(1);
});

test('missing secrets are refused all at once, before anything is asked', async () => {
  await expect(watch({}, {SLACK_URL: '', HOOK_SECRET: ''})).rejects.toMatchObject({
    code: 'ALERTS',
    message: expect.stringMatching(/SLACK_URL[\s\S]*HOOK_SECRET/),
  });
  expect(product.requests).toHaveLength(0);
  expect(masked).not.toContain('');
});

test('the page says what was found, and the secret addresses stand nowhere in it', async () => {
  status = 503;
  await watch();
  const page = JSON.parse(await readFile(join(folder, 'status', 'status.json'), 'utf8')) as {
    services: {name: string; detail: string}[];
  };
  expect(page.services.map(({name}) => name)).toEqual(['checkout', 'search']);
  expect(page.services[0]!.detail).toContain('503');
  expect(JSON.stringify(page)).not.toContain('whsec_');
});
