import {describe, expect, test} from '@jest/globals';
import type {Channel, Message} from '../../src/alerts/message.js';
import {type Config, configSchema} from '../../src/config/schema.js';
import type {Probe} from '../../src/gate/probes/probe.js';
import {seeded} from '../../src/gate/simulation.js';
import {fakeClock} from '../../src/kernel/clock.js';
import {Failure} from '../../src/kernel/errors.js';
import type {ReleaseEvent, ReleaseRecord} from '../../src/ledger/record.js';
import {memoryFiles} from '../../src/monitor/history-files.js';
import {SimulatedService} from '../../src/monitor/simulation.js';
import {MonitorSession, type MonitorSessionOptions} from '../../src/release/monitor-flow.js';

const minuteMs = 60_000;
const hourMs = 3_600_000;
const t0 = Date.UTC(2026, 10, 2);
const services = ['checkout', 'search', 'items', 'mail', 'login', 'images'];

function configOf(change: Record<string, unknown> = {}): Config {
  return configSchema.parse({
    version: 1,
    product: 'shop',
    backend: {service: 'api', url: 'http://shop.invalid'},
    checks: services.map((name) => ({name, path: `/${name}`})),
    alerts: {channels: {oncall: {type: 'slack', 'url-env': 'A'}, pager: {type: 'slack', 'url-env': 'B'}}},
    ...change,
  });
}

interface Said {
  readonly channel: string;
  readonly message: Message;
  readonly deliveryId: string;
}

/** A world of services, channels and a ledger around sessions that share nothing but their files. */
function ground(fails: (service: string, atMs: number) => boolean, change: Record<string, unknown> = {}) {
  const clock = fakeClock(t0);
  const files = memoryFiles();
  const said: Said[] = [];
  const broken = new Set<string>();
  const releases: ReleaseRecord[] = [];
  const probe: Probe = async (check) =>
    fails(check.name, clock.now())
      ? {outcome: 'failed', class: 'status-5xx', latencyMs: 20, detail: 'got 503'}
      : {outcome: 'ok', latencyMs: 20};
  const channel = (name: string): Channel => ({
    name,
    type: 'slack',
    send: async (message, deliveryId) => {
      if (broken.has(name)) throw new Failure('ALERT_CHANNEL', `Channel ${name} is gone`, {remedy: 'Renew it.'});
      said.push({channel: name, message, deliveryId});
    },
  });
  const open = (more: Partial<MonitorSessionOptions> = {}) =>
    MonitorSession.open({
      config: configOf(change),
      files,
      channels: [channel('oncall'), channel('pager')],
      signal: new AbortController().signal,
      clock,
      probes: {http: probe},
      releases: async () => releases,
      ...more,
    });
  const of = (name: string, kind: Message['kind']) =>
    said.filter((one) => one.channel === name && one.message.kind === kind);
  return {clock, files, said, broken, releases, open, of};
}

test('two days with outages, bursts, flapping, kills and a broken channel: one alert and one recovery an incident and channel', async () => {
  const random = seeded(11);
  const simulated = new Map(services.map((name, i) => [name, new SimulatedService(seeded(100 + i), 0.999)]));
  const outages = [
    {service: 'checkout', fromH: 6, untilH: 7.5},
    {service: 'search', fromH: 6.02, untilH: 8},
    {service: 'items', fromH: 20, untilH: 20.8},
    {service: 'items', fromH: 21.2, untilH: 22},
    {service: 'mail', fromH: 30, untilH: 33},
  ];
  const isOut = (service: string, atMs: number) =>
    outages.some(
      (one) => one.service === service && atMs >= t0 + one.fromH * hourMs && atMs < t0 + one.untilH * hourMs,
    );
  const world = ground((service, atMs) => isOut(service, atMs) || simulated.get(service)!.fails(atMs - t0));
  let session = await world.open();
  while (world.clock.now() < t0 + 48 * hourMs) {
    if (random() < 0.03) session = await world.open();
    const hour = (world.clock.now() - t0) / hourMs;
    if (hour > 19 && hour < 20.5) world.broken.add('pager');
    else world.broken.clear();
    await session.step();
    world.clock.advance(5 * minuteMs - (world.clock.now() % (5 * minuteMs)));
  }
  const keys = new Set(
    world.said.filter(({message}) => message.kind !== 'broken-channel').map(({message}) => message.key),
  );
  for (const channel of ['oncall', 'pager'])
    for (const key of keys) {
      const ids = (kind: Message['kind']) => world.of(channel, kind).filter(({message}) => message.key === key).length;
      expect([channel, key, ids('alert'), ids('recovery')]).toEqual([channel, key, 1, 1]);
    }
  const about = world.of('oncall', 'alert').map(({message}) => message.title);
  expect(about.filter((title) => /checkout|search/.test(title))).toHaveLength(1);
  expect(about.filter((title) => /items (is|are) down/.test(title)).length).toBeLessThanOrEqual(2);
  expect(about.filter((title) => /mail (is|are) down/.test(title))).toHaveLength(1);
  expect(about.filter((title) => /login|images/.test(title))).toEqual([]);
  expect(world.of('oncall', 'broken-channel')).toHaveLength(1);
}, 240_000);

describe('what is known beside the checks', () => {
  const event = (kind: ReleaseEvent['kind'], atMs: number, facts: ReleaseEvent['facts'] = {}): ReleaseEvent => ({
    atMs,
    kind,
    facts,
  });
  const record = (release: string, createdAtMs: number, events: ReleaseEvent[]): ReleaseRecord => ({
    id: release,
    release,
    commit: 'a'.repeat(40),
    createdAtMs,
    anchors: {},
    events,
  });
  const steps = async (world: ReturnType<typeof ground>, count: number, session?: MonitorSession) => {
    const current = session ?? (await world.open());
    for (let i = 0; i < count; i++) {
      await current.step();
      world.clock.advance(minuteMs);
    }
    return current;
  };
  const dead = (service: string) => (name: string) => name === service;

  test('the release before the fall is the suspect, and an older one is not', async () => {
    const world = ground(dead('checkout'));
    world.releases.push(
      record('r-2', t0, [event('promoted', t0 - 10 * minuteMs)]),
      record('r-1', t0, [event('promoted', t0 - 40 * hourMs)]),
    );
    await steps(world, 4);
    const [alert] = world.of('oncall', 'alert');
    expect(Object.fromEntries(alert!.message.facts)).toMatchObject({'Suspect release': 'r-2'});
  });

  test('maintenance mode mutes, and what is down when it ends is told then', async () => {
    const world = ground(dead('checkout'));
    const begun = [
      event('intent', t0, {do: 'maintenance-on'}),
      event('note', t0, {maintenance: 'on', until: String(t0 + hourMs)}),
    ];
    world.releases.push(record('m-1', t0, begun));
    const session = await steps(world, 10);
    expect(world.said).toEqual([]);
    world.releases[0] = record('m-1', t0, [...begun, event('note', t0 + 10 * minuteMs, {maintenance: 'off'})]);
    await steps(world, 1, session);
    expect(world.of('oncall', 'alert')).toHaveLength(1);
  });

  test('a forgotten maintenance mode stops muting at its end', async () => {
    const world = ground(dead('checkout'));
    world.releases.push(record('m-1', t0, [event('note', t0, {maintenance: 'on', until: String(t0 + 5 * minuteMs)})]));
    await steps(world, 8);
    expect(world.of('oncall', 'alert')).toHaveLength(1);
  });

  test('a monitor that did not run for three days tells of itself, once, and of its return', async () => {
    const world = ground(() => false);
    await steps(world, 3);
    world.clock.advance(72 * hourMs);
    const session = await world.open();
    expect(session.blindMs).toBeGreaterThan(71 * hourMs);
    await steps(world, 3, session);
    expect(world.of('oncall', 'alert').map(({message}) => message.title)).toEqual(['monitor run needs attention']);
    expect(world.of('oncall', 'alert')[0]!.message.detail).toContain('were allowed');
    expect(world.of('oncall', 'recovery')).toHaveLength(1);
  });

  test('closer rounds are asked for while a release is fresh, and do not count for availability', async () => {
    const world = ground(() => false);
    const session = await steps(world, 1);
    expect(session.closer).toBeUndefined();
    world.releases.push(record('r-2', world.clock.now(), [event('deployed', world.clock.now())]));
    await steps(world, 1, session);
    expect(session.closer).toMatchObject({everyMs: 20_000});
    for (let i = 0; i < 5; i++) await session.step('confirm');
    const minutes = await session.history.readMinutes(t0 - hourMs, t0 + hourMs);
    const probes = minutes.reduce((sum, {tallies}) => sum + (tallies.get('checkout')?.probes ?? 0), 0);
    expect(probes).toBe(2);
    world.clock.advance(11 * minuteMs);
    expect(session.closer).toBeUndefined();
  });

  test('a service that dies is told as down, not first as a burning budget and then as down', async () => {
    let isDead = false;
    const world = ground((name) => isDead && name === 'checkout', {monitor: {confirmations: 0}});
    const session = await steps(world, 60);
    isDead = true;
    await steps(world, 40, session);
    expect(world.said.filter(({channel}) => channel === 'oncall').map(({message}) => message.title)).toEqual([
      'checkout is down',
    ]);
  });

  test('a service that falls while a backup is late is an incident and an alert of its own', async () => {
    let isDead = false;
    const world = ground((name) => isDead && name === 'checkout');
    const late = async () => [
      {name: 'backup age', state: 'late' as const, shown: '', limit: '', sentence: 'backup age'},
    ];
    const session = await steps(world, 1, await world.open({freshness: [late]}));
    isDead = true;
    await steps(world, 4, session);
    expect(world.of('oncall', 'alert').map(({message}) => message.title)).toEqual([
      'backup age needs attention',
      'checkout is down',
    ]);
  });

  test('a round that is stopped in the middle is none', async () => {
    const stop = new AbortController();
    const world = ground(() => {
      stop.abort();
      return true;
    });
    const session = await world.open({signal: stop.signal});
    await expect(session.step()).rejects.toMatchObject({code: 'CANCELLED'});
    expect([...world.files.texts.keys()]).toEqual([]);
  });

  test('the heartbeat tells the state after each round, and its failure stops nothing', async () => {
    const world = ground(dead('checkout'));
    const beats: string[] = [];
    const heartbeat = async (state: string) => {
      beats.push(state);
      if (beats.length === 2) throw new Error('no route');
    };
    const warned: string[] = [];
    const session = await world.open({heartbeat, warn: (line) => void warned.push(line)});
    await steps(world, 5, session);
    expect(beats).toHaveLength(5);
    expect(beats.at(-1)).toBe('down');
    expect(warned.join()).toContain('heartbeat');
  });
});
