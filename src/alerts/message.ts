import {formatDuration} from '../kernel/duration.js';
import {oneLine} from '../kernel/text.js';

export type AlertSeverity = 'critical' | 'warning' | 'info';
export type NoticeKind = 'alert' | 'reminder' | 'escalation' | 'recovery' | 'sample' | 'broken-channel';

/** What a channel is asked to say; foreign text inside is plain, each channel escapes it in its own way. */
export interface Message {
  readonly kind: NoticeKind;
  readonly severity: AlertSeverity;
  readonly product: string;
  /** What it is about: an incident's id. The same key is the same thread, mail subject and issue. */
  readonly key: string;
  /** One line. */
  readonly title: string;
  /** Label and value, the most important first. */
  readonly facts: ReadonlyArray<readonly [label: string, value: string]>;
  /** What the service answered, or what to do. */
  readonly detail?: string;
  readonly links: ReadonlyArray<{readonly text: string; readonly url: string}>;
  /** When it began, epoch milliseconds. */
  readonly sinceMs: number;
  readonly atMs: number;
}

/** A way to reach people. */
export interface Channel {
  readonly name: string;
  readonly type: 'slack' | 'email' | 'webhook' | 'github-issue';
  /**
   * Says it. `deliveryId` is the same when it is said again after a lost answer.
   * @throws Failure ALERT_CHANNEL, retryable when saying it later may help; never with an address that is a secret.
   */
  send(message: Message, deliveryId: string): Promise<void>;
}

const words: Readonly<Record<NoticeKind, string>> = {
  alert: 'Alert',
  reminder: 'Still open',
  escalation: 'Escalated',
  recovery: 'Recovered',
  sample: 'Test alert',
  'broken-channel': 'Alert channel broken',
};

/** `Alert: checkout is down (shop)`, bounded. */
export function headline(message: Message): string {
  return oneLine(`${words[message.kind]}: ${message.title} (${message.product})`, 140);
}

/** Without markup, for mails, logs and screen readers. */
export function plainText(message: Message): string {
  return [
    headline(message),
    '',
    ...message.facts.map(([label, value]) => `${label}: ${oneLine(value, 500)}`),
    ...(message.detail ? ['', oneLine(message.detail, 1_000)] : []),
    ...(message.links.length ? ['', ...message.links.map(({text, url}) => `${text}: ${url}`)] : []),
    '',
    `Began ${utc(message.sinceMs)}, said ${utc(message.atMs)} (${formatDuration(message.atMs - message.sinceMs)} later). ${message.key}`,
  ].join('\n');
}

export function utc(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
