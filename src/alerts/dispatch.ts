import {type Clock, systemClock} from '../kernel/clock.js';
import {Failure, messageOf} from '../kernel/errors.js';
import {backoff, retry} from '../kernel/retry.js';
import {oneLine} from '../kernel/text.js';
import type {Channel, Message} from './message.js';
import type {Due} from './routing.js';

export interface DispatchOptions {
  readonly channels: readonly Channel[];
  readonly messageOf: (due: Due) => Message;
  /** Noted before and after each saying, so that a killed run is continued and a done one is not repeated. */
  readonly note: (due: Due, state: 'sending' | 'sent' | 'failed') => Promise<void>;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  /** Repeats of one saying; default 3, from one second up. */
  readonly delaysMs?: readonly number[];
}

export interface Dispatched {
  readonly sent: readonly Due[];
  readonly failed: ReadonlyArray<{readonly due: Due; readonly failure: Failure}>;
  /** Broken channels that another one told of. */
  readonly reportedElsewhere: readonly string[];
}

/** Says everything that is due, each channel in its own order and all channels at once; one that fails is told of on another. */
export async function dispatch(due: readonly Due[], options: DispatchOptions): Promise<Dispatched> {
  const sent: Due[] = [];
  const failed: Array<{due: Due; failure: Failure}> = [];
  const byChannel = new Map<string, Due[]>();
  for (const one of due) byChannel.set(one.route.channel, [...(byChannel.get(one.route.channel) ?? []), one]);
  await Promise.all(
    [...byChannel].map(async ([name, all]) => {
      for (const one of all) {
        const failure = await say(name, one, options);
        if (failure) failed.push({due: one, failure});
        else sent.push(one);
      }
    }),
  );
  return {sent, failed, reportedElsewhere: await tellElsewhere(failed, options)};
}

async function say(name: string, due: Due, options: DispatchOptions): Promise<Failure | undefined> {
  const channel = options.channels.find((candidate) => candidate.name === name);
  try {
    if (!channel)
      throw new Failure('ALERT_CHANNEL', `There is no channel ${name}`, {
        remedy: 'Describe it under `alerts.channels`.',
      });
    await options.note(due, 'sending');
    await patiently(options, () => channel.send(options.messageOf(due), due.deliveryId));
    await options.note(due, 'sent');
    return undefined;
  } catch (error) {
    const failure = asFailure(name, error);
    await options.note(due, 'failed');
    return failure;
  }
}

function patiently(options: DispatchOptions, call: () => Promise<void>): Promise<void> {
  return retry(
    {
      delaysMs: options.delaysMs ?? backoff(3, 1_000, 8_000),
      clock: options.clock ?? systemClock,
      maxRetryAfterMs: 30_000,
      ...(options.signal ? {signal: options.signal} : {}),
    },
    call,
  );
}

/** Another channel says what the broken one could not, once a channel and call. */
async function tellElsewhere(
  failed: ReadonlyArray<{due: Due; failure: Failure}>,
  options: DispatchOptions,
): Promise<string[]> {
  const told: string[] = [];
  const broken = new Set(failed.map(({due}) => due.route.channel));
  for (const name of broken) {
    const {due, failure} = failed.find((one) => one.due.route.channel === name)!;
    for (const channel of options.channels.filter((candidate) => !broken.has(candidate.name))) {
      // The next round says it again to the broken channel; here it is said once an incident and kind.
      const alreadyTold = due.subject.notices.some(({channel: of, state}) => of === name && state === 'failed');
      if (alreadyTold) break;
      const message = brokenMessage(options.messageOf(due), name, failure);
      const told1 = await patiently(options, () => channel.send(message, `${due.deliveryId}.for-${name}`)).then(
        () => true,
        () => false,
      );
      if (!told1) continue;
      told.push(name);
      break;
    }
  }
  return told;
}

function brokenMessage(message: Message, name: string, failure: Failure): Message {
  return {
    ...message,
    kind: 'broken-channel',
    key: `${message.key}.${name}`,
    title: `channel ${name} could not be told: ${message.title}`,
    facts: [['Channel', name], ['Why', oneLine(failure.message, 300)], ['Next', failure.remedy], ...message.facts],
  };
}

function asFailure(name: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure('ALERT_CHANNEL', `Channel ${name}: ${oneLine(messageOf(error), 200)}`, {
    remedy: 'Look at the channel and its secret.',
    cause: error,
  });
}
