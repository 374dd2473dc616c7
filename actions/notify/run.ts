import {type Dispatched, dispatch} from '../../src/alerts/dispatch.js';
import type {Channel, Message} from '../../src/alerts/message.js';
import {type Due, dueNotices, type Route} from '../../src/alerts/routing.js';
import {loadConfig} from '../../src/config/load-config.js';
import type {Config} from '../../src/config/schema.js';
import {Failure, refusal} from '../../src/kernel/errors.js';
import {mutesOf, openChannels, routesOf} from '../../src/release/alert-channels.js';
import {cell, oneLine, table} from '../../src/report/text.js';
import type {Report, Run} from '../../src/runner/run-action.js';
import type {Inputs} from '../../src/runner/spec.js';
import type {spec} from './spec.js';

type NotifyInputs = Inputs<typeof spec>;

export async function run(inputs: NotifyInputs, runner: Run): Promise<Report<typeof spec>> {
  const root = runner.env['GITHUB_WORKSPACE'] ?? process.cwd();
  const {config} = (await loadConfig(inputs.config, {root}))!;
  if (!config.alerts)
    throw refusal('CONFIG', 'The configuration was', [
      {where: '`alerts`', what: 'is missing', remedy: 'Describe at least one channel under `alerts.channels`'},
    ]);
  const channels = await openChannels(config.alerts, inputs, runner, root);
  const due = dueOf(inputs, config, channels);
  const dispatched = await dispatch(due, {
    channels,
    signal: runner.signal,
    messageOf: () => messageOf(inputs, config, runner),
    note: async () => {},
  });
  return report(due, dispatched);
}

function messageOf(inputs: NotifyInputs, config: Config, {env}: Run): Message {
  const nowMs = Date.now();
  const {GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: id} = env;
  const isTest = inputs.mode === 'test';
  return {
    kind: isTest ? 'sample' : inputs.mode,
    severity: isTest ? 'info' : inputs.severity,
    product: config.product,
    key: isTest ? `test-${id ?? nowMs}` : (inputs.key ?? inputs.title),
    title: isTest ? 'this channel works; nothing is wrong' : inputs.title,
    facts: [
      ['Severity', isTest ? 'none: a test' : inputs.severity],
      ...(inputs.components ? ([['Components', inputs.components.join(', ')]] as const) : []),
    ],
    ...(inputs.message && !isTest ? {detail: inputs.message} : {}),
    links: [
      ...(inputs.link ? [{text: 'Read more', url: inputs.link}] : []),
      ...(server && repository && id ? [{text: 'Run', url: `${server}/${repository}/actions/runs/${id}`}] : []),
    ],
    sinceMs: nowMs,
    atMs: nowMs,
  };
}

/** A test goes to every channel; named channels win over routes. A recovery is said where an alert would be. */
function dueOf(inputs: NotifyInputs, config: Config, channels: readonly Channel[]): Due[] {
  const nowMs = Date.now();
  const names = inputs.mode === 'test' ? channels.map(({name}) => name) : inputs.channels;
  refuseUnknown(names ?? [], channels);
  const everywhere = (channel: string): Route => ({
    channel,
    from: 'info',
    components: [],
    afterMs: 0,
    remindEveryMs: 0,
  });
  const routes = names ? names.map(everywhere) : routesOf(config).filter(({afterMs}) => afterMs === 0);
  const subject = {
    id: inputs.key ?? inputs.title,
    openedMs: nowMs,
    severity: inputs.severity,
    components: inputs.components ?? ['frontend', 'backend', 'database'],
    notices: [],
  };
  const due = dueNotices([subject], routes, nowMs, names ? [] : mutesOf(config));
  const nonce = nowMs.toString(36);
  return due.map((one) => ({...one, deliveryId: `${one.deliveryId}.${inputs.mode}.${nonce}`}));
}

function refuseUnknown(names: readonly string[], channels: readonly Channel[]): void {
  const unknown = names.filter((name) => !channels.some((channel) => channel.name === name));
  if (unknown.length)
    throw refusal('INPUT', 'The inputs were', [
      {
        where: 'input `channels`',
        what: `names ${unknown.join(', ')}, which the file does not describe`,
        remedy: `Choose from ${channels.map(({name}) => name).join(', ') || 'channels under `alerts.channels`'}`,
      },
    ]);
}

function report(due: readonly Due[], {sent, failed, reportedElsewhere}: Dispatched): Report<typeof spec> {
  const rows = [
    ...sent.map(({route}) => [cell(route.channel), 'told']),
    ...failed.map(({due: one, failure}) => [
      cell(one.route.channel),
      `failed: ${cell(failure.message)}${reportedElsewhere.includes(one.route.channel) ? ' (another channel was told)' : ''}`,
    ]),
  ];
  const first = failed[0]?.failure;
  return {
    outputs: {
      sent: sent.map(({route}) => route.channel).join(','),
      failed: failed.map(({due: one}) => one.route.channel).join(','),
    },
    summary: `## ${failed.length ? '❌' : '✅'} Notify: ${sent.length} told, ${failed.length} failed\n\n${due.length ? table(['channel', 'result'], rows) : 'No route wants this message.'}`,
    ...(first
      ? {failure: new Failure(first.code, oneLine(first.message, 400), {remedy: first.remedy, cause: first.cause})}
      : {}),
  };
}
