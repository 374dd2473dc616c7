import {readFile} from 'node:fs/promises';
import {resolve} from 'node:path';
import {post} from '../alerts/delivery.js';
import {emailChannel} from '../alerts/email.js';
import {issueChannel} from '../alerts/issue.js';
import type {Channel} from '../alerts/message.js';
import type {Mute, Route} from '../alerts/routing.js';
import {slackChannel} from '../alerts/slack.js';
import {webhookChannel} from '../alerts/webhook.js';
import type {AlertsConfig, Config} from '../config/schema.js';
import {type Problem, refusal} from '../kernel/errors.js';
import {cell} from '../report/text.js';
import {openGitHub} from '../runner/github.js';
import type {Run} from '../runner/run-action.js';
import {closeIncident, reportIncident} from './incident.js';

/** Each environment variable that a channel takes its secret from. */
function variablesOf(channel: AlertsConfig['channels'][string]): string[] {
  if (channel.type === 'email') return [channel['server-env']];
  if (channel.type === 'webhook') return [channel['url-env'], channel['secret-env']];
  return channel.type === 'slack' ? [channel['url-env']] : [];
}

/**
 * Opens every channel of the file; secrets come from the environment and are masked.
 * @throws refusal ALERTS with every variable that is not set or holds no address.
 */
export async function openChannels(
  alerts: AlertsConfig | undefined,
  inputs: {readonly 'github-token'?: string | undefined},
  runner: Pick<Run, 'env' | 'mask'>,
  root: string,
): Promise<Channel[]> {
  const entries = Object.entries(alerts?.channels ?? {});
  const problems = entries.flatMap(([name, channel]) => [
    ...variablesOf(channel).flatMap((variable) => variableProblem(name, variable, runner.env[variable])),
    ...(channel.type === 'github-issue' && !inputs['github-token'] ? [tokenProblem(name)] : []),
  ]);
  const authorities = await readAuthorities(entries, root, problems);
  if (problems.length) throw refusal('ALERTS', 'The alert channels were', problems);
  for (const [, channel] of entries) for (const name of variablesOf(channel)) maskAddress(runner, runner.env[name]!);
  return entries.map(([name, channel]) => open(name, channel, inputs['github-token'], runner, authorities.get(name)));
}

async function readAuthorities(
  entries: ReadonlyArray<[string, AlertsConfig['channels'][string]]>,
  root: string,
  problems: Problem[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [name, channel] of entries) {
    if (channel.type !== 'email' || !channel.ca) continue;
    try {
      found.set(name, await readFile(resolve(root, channel.ca), 'utf8'));
    } catch {
      problems.push({
        where: `\`alerts.channels.${name}.ca\``,
        what: `names ${channel.ca}, which cannot be read`,
        remedy: 'Give the path of a PEM file, from the root of the repository',
      });
    }
  }
  return found;
}

/** Tells an address after each round that the monitor is alive; undefined when the file names none. */
export function openHeartbeat(
  {monitor, product}: Config,
  runner: Pick<Run, 'env' | 'mask'>,
): ((state: string) => Promise<void>) | undefined {
  const variable = monitor['heartbeat-env'];
  if (!variable) return undefined;
  const url = runner.env[variable];
  const problems = url && URL.canParse(url) ? [] : variableProblem('heartbeat', variable, undefined);
  if (problems.length) throw refusal('ALERTS', 'The heartbeat was', problems);
  runner.mask(url!);
  return (state) => post('heartbeat', url!, JSON.stringify({product, state, at: new Date().toISOString()}));
}

function variableProblem(channel: string, variable: string, value: string | undefined): Problem[] {
  const where = `environment variable ${variable}`;
  if (!value)
    return [
      {
        where,
        what: `is not set, but channel ${channel} needs it`,
        remedy: `Pass it to the step: \`env: {${variable}: \${{ secrets.${variable} }}}\``,
      },
    ];
  return [];
}

function tokenProblem(channel: string): Problem {
  return {
    where: 'input `github-token`',
    what: `is missing, but channel ${channel} opens issues`,
    remedy: 'Leave the input at its default and give the job `issues: write`',
  };
}

/** The whole address, and the password inside it, which a mail library could quote alone. */
function maskAddress(runner: Pick<Run, 'mask'>, value: string): void {
  runner.mask(value);
  if (!URL.canParse(value)) return;
  const {password} = new URL(value);
  if (password) runner.mask(decodeURIComponent(password));
}

function open(
  name: string,
  channel: AlertsConfig['channels'][string],
  token: string | undefined,
  {env}: Pick<Run, 'env'>,
  ca: string | undefined,
): Channel {
  const value = (variable: string) => env[variable]!;
  switch (channel.type) {
    case 'slack':
      return slackChannel(name, value(channel['url-env']));
    case 'webhook':
      return webhookChannel(name, value(channel['url-env']), value(channel['secret-env']));
    case 'email':
      return emailChannel(name, {
        from: channel.from,
        to: channel.to,
        server: value(channel['server-env']),
        ...(ca ? {ca} : {}),
      });
    case 'github-issue':
      return issueChannel(name, issueBook(token!, env), (text) => cell(text, 1_000));
  }
}

function issueBook(token: string, env: Run['env']) {
  const github = () => openGitHub(token, env);
  return {
    report: async (key: string, title: string, body: string) =>
      void (await reportIncident(await github(), {key, title, body})),
    close: async (key: string, comment: string) => void (await closeIncident(await github(), key, comment)),
  };
}

/** Who is told what; without routes every channel hears of warnings and worse. */
export function routesOf({alerts}: Config): Route[] {
  if (!alerts) return [];
  if (!alerts.routes)
    return Object.keys(alerts.channels).map((channel) => ({
      channel,
      from: 'warning',
      components: [],
      afterMs: 0,
      remindEveryMs: 0,
    }));
  return alerts.routes.map((route) => ({
    channel: route.channel,
    from: route.from,
    components: route.components,
    afterMs: route.after,
    remindEveryMs: route['remind-every'],
    ...(route.quiet
      ? {
          quiet: {
            fromMinute: minuteOf(route.quiet.from),
            toMinute: minuteOf(route.quiet.to),
            timeZone: route.quiet.timezone,
          },
        }
      : {}),
  }));
}

function minuteOf(time: string): number {
  const [hour, minute] = time.split(':').map(Number);
  return hour! * 60 + minute!;
}

export function mutesOf({monitor}: Config): Mute[] {
  return monitor.mutes.map(({from, until, components}) => ({
    fromMs: Date.parse(from),
    untilMs: Date.parse(until),
    components,
  }));
}
